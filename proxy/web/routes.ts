import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { PASSWORD_LIMIT_BYTES } from '../../shared/accounts/password-hasher.ts';
import type { Json } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { publicJwkSchema } from '../../shared/identity/keys.ts';
import type { RoleMetrics } from '../../shared/metrics/role-metrics.ts';
import type { ProxyApi } from './api.ts';
import { parseWith } from './parse-body.ts';
import { addProviderRoutes } from './provider-routes.ts';
import { bearerOf, loginKeyFields, sourceOf } from './request-fields.ts';

const loginSchema = z.object({
  username: z.string().min(1).max(64),
  password: z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= PASSWORD_LIMIT_BYTES, 'is too long'),
  code: z.string().min(1).max(32),
  ...loginKeyFields,
});

const deviceSchema = z.object({
  name: z.string().min(1).max(64),
  publicJwk: publicJwkSchema,
  proof: z.string().min(1).max(8192),
});

const enrolSchema = z.object({ proof: z.string().min(1) });

/** The HTTP API: each route hands what came in to `api`, and its answer back. */
export function addRoutes(server: FastifyInstance, api: ProxyApi, metrics: RoleMetrics): void {
  server.get('/metrics', async (request, reply) => {
    // There is no sign-in for scrapers here, so that only this machine may ask; a reverse proxy on it brings strangers.
    if (!isFromThisMachine(request))
      throw new DrawbridgeError('request.not_found', 'There is nothing at this path.');
    return reply.header('content-type', metrics.contentType).send(await metrics.text());
  });
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async () => {
    await api.requireReady();
    return { status: 'ready' };
  });
  server.get('/.well-known/drawbridge', async () => ({ document: await api.issuerDocument() }));

  server.post('/api/enrol', async (request): Promise<Json> => {
    const { proof } = parseWith(enrolSchema, request.body);
    return { reply: await api.enrol(proof, sourceOf(request)) };
  });

  server.post('/api/login', async (request) =>
    api.login({ ...parseWith(loginSchema, request.body), source: sourceOf(request) }),
  );

  addProviderRoutes(server, api, sourceOf);
  server.get('/api/operator', async (request) => api.operator(bearerOf(request), sourceOf(request)));
  server.get('/api/operator/hosts', async (request) => api.hosts(bearerOf(request), sourceOf(request)));
  server.post('/api/logout', async (request) => {
    return { ok: true, cut: await api.logout(bearerOf(request), sourceOf(request)) };
  });
  server.post('/api/device/challenge', async () => api.deviceChallenge());
  server.post('/api/operator/devices', async (request) =>
    api.enrolDevice(bearerOf(request), parseWith(deviceSchema, request.body), sourceOf(request)),
  );
}

function isFromThisMachine(request: FastifyRequest): boolean {
  const forwarded = request.headers['x-forwarded-for'] ?? request.headers.forwarded;
  return forwarded === undefined && /^(127\.|::1$)/.test(sourceOf(request));
}
