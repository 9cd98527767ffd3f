import { createHash, randomBytes } from 'node:crypto';

/** How long a link to register a security key is good. */
export const REGISTRATION_LINK_LIFETIME_MS = 30 * 60_000;

const SECRET_BYTES = 32;

/** The secret of a link, shown once, and the hash that is kept. */
export function createRegistrationSecret(): { readonly secret: string; readonly hash: string } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, hash: registrationHash(secret) };
}

/** What is kept of a link's secret. */
export function registrationHash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** The link. The secret stands behind `#`, so that it reaches no server's log. */
export function registrationUrl(publicUrl: string, secret: string): string {
  return new URL(`/register#${secret}`, publicUrl).href;
}
