import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admin, AdminAccounts } from '../admins/admin-accounts.ts';
import { PENDING_LIFETIME_MS } from '../admins/provider/pending-sign-ins.ts';
import type { ProvidedAdmin } from '../admins/provider/provider-sign-in.ts';
import { WEB_SESSION_LIFETIME_MS } from '../admins/web-sessions.ts';
import { SESSION_COOKIE } from './access-guard.ts';
import type { Me } from './api.ts';

const COOKIE_OPTIONS = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const;

/** Begins a session for who has just signed in. Its secret is new, whatever cookie the browser came with. */
export async function beginSession(
  admins: AdminAccounts,
  admin: Admin | ProvidedAdmin,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Me> {
  const { username, role } = admin;
  const isProvided = 'provided' in admin;
  const { secret, expiresAtMs } = await admins.sessions.open(
    username,
    request.ip,
    'provided' in admin ? admin : undefined,
  );
  reply.setCookie(SESSION_COOKIE, secret, { ...COOKIE_OPTIONS, maxAge: WEB_SESSION_LIFETIME_MS / 1000 });
  return { username, role, provided: isProvided, expiresAt: new Date(expiresAtMs).toISOString() };
}

/**
 * Ties a sign-in at the provider to the browser that began it. Lax, since the provider's answer comes from another site;
 * it stands for nobody.
 */
export const PROVIDER_COOKIE = '__Host-drawbridge-provider';
const PROVIDER_COOKIE_OPTIONS = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const;

/** Remembers in the browser that it was sent to the provider. */
export function keepPending(reply: FastifyReply, secret: string): void {
  const maxAge = PENDING_LIFETIME_MS / 1000;
  reply.setCookie(PROVIDER_COOKIE, secret, { ...PROVIDER_COOKIE_OPTIONS, maxAge });
}

/** It came back: the cookie is spent. */
export function forgetPending(reply: FastifyReply): void {
  reply.clearCookie(PROVIDER_COOKIE, PROVIDER_COOKIE_OPTIONS);
}

/** Takes the cookie away. */
export function clearSession(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, COOKIE_OPTIONS);
}
