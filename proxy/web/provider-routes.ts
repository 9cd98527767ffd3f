import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { keyCommitmentSchema } from '../../shared/identity/provider/key-commitment.ts';
import type { ProxyApi } from './api.ts';
import { parseWith } from './parse-body.ts';

/** Longer than any that is taken, so that a large one is refused with its own reason. */
const ID_TOKEN_CHARS = 64 * 1024;

const loginSchema = keyCommitmentSchema.extend({
  provider: z.string().min(1).max(64),
  idToken: z.string().min(1).max(ID_TOKEN_CHARS),
  lifetimeMs: z.int().min(1).exactOptional(),
  deviceProof: z.string().min(1).max(8192).exactOptional(),
});

/** Sign-in by identity providers. */
export function addProviderRoutes(
  server: FastifyInstance,
  api: ProxyApi,
  sourceOf: (request: FastifyRequest) => string,
): void {
  server.get('/api/providers', async () => ({ providers: api.listProviders() }));
  server.post('/api/login/provider', async (request) =>
    api.providerLogin({ ...parseWith(loginSchema, request.body), source: sourceOf(request) }),
  );
}
