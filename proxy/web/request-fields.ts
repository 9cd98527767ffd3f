import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { DrawbridgeError } from '../../shared/errors.ts';
import { plainAddress } from '../../shared/network.ts';

/** What every way to log in takes: the key to let in, a shorter life, and the proof of a device. */
export const loginKeyFields = {
  publicKey: z.string().min(1).max(1024),
  lifetimeMs: z.int().min(1).exactOptional(),
  deviceProof: z.string().min(1).max(8192).exactOptional(),
};

/** The address that a request came from. */
export function sourceOf(request: FastifyRequest): string {
  return plainAddress(request.socket.remoteAddress);
}

/** The token of a request. @throws `operator.unauthenticated`. */
export function bearerOf(request: FastifyRequest): string {
  return bearerToken(request.headers.authorization);
}

/** The token of an `Authorization: Bearer` header (RFC 6750). @throws `operator.unauthenticated`. */
export function bearerToken(header: string | undefined): string {
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(header ?? '')?.[1];
  if (token !== undefined) return token;
  throw new DrawbridgeError('operator.unauthenticated', 'You are not logged in.', {
    hint: 'Run `drawbridge login`.',
  });
}
