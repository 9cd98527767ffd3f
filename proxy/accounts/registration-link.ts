import { createHash, randomBytes } from 'node:crypto';

/** How long a link to register a factor is good. */
export const REGISTRATION_LINK_LIFETIME_MS = 30 * 60_000;

const SECRET_BYTES = 32;

/** What a link is for: one for a security key sets up no authenticator, nor the other way round. */
export type LinkPurpose = 'security_key' | 'authenticator';

const PAGES: Readonly<Record<LinkPurpose, string>> = {
  security_key: '/register',
  authenticator: '/authenticator',
};

/** The secret of a link, shown once, and the hash that is kept. */
export function createRegistrationSecret(purpose: LinkPurpose): {
  readonly secret: string;
  readonly hash: string;
} {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, hash: registrationHash(purpose, secret) };
}

/** What is kept of a link's secret. */
export function registrationHash(purpose: LinkPurpose, secret: string): string {
  const text = purpose === 'security_key' ? secret : `${purpose} ${secret}`;
  return createHash('sha256').update(text).digest('base64url');
}

/** The link. The secret stands behind `#`, so that it reaches no server's log. */
export function registrationUrl(purpose: LinkPurpose, publicUrl: string, secret: string): string {
  return new URL(`${PAGES[purpose]}#${secret}`, publicUrl).href;
}
