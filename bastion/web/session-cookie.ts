import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admin, AdminAccounts } from '../admins/admin-accounts.ts';
import { WEB_SESSION_LIFETIME_MS } from '../admins/web-sessions.ts';
import { SESSION_COOKIE } from './access-guard.ts';
import type { Me } from './api.ts';

const COOKIE_OPTIONS = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const;

/** Begins a session for who has just signed in. Its secret is new, whatever cookie the browser came with. */
export async function beginSession(
  admins: AdminAccounts,
  admin: Admin,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Me> {
  const { secret, expiresAtMs } = await admins.sessions.open(admin.username, request.ip);
  reply.setCookie(SESSION_COOKIE, secret, { ...COOKIE_OPTIONS, maxAge: WEB_SESSION_LIFETIME_MS / 1000 });
  return { ...admin, expiresAt: new Date(expiresAtMs).toISOString() };
}

/** Takes the cookie away. */
export function clearSession(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, COOKIE_OPTIONS);
}
