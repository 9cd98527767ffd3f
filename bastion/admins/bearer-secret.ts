import { createHash, randomBytes } from 'node:crypto';

/** Entropy of every secret that stands for an administrator: no guess and no rainbow table reaches 256 bits. */
const SECRET_BYTES = 32;

/** A fresh secret to hand out, base64url, behind `prefix`. */
export function createBearerSecret(prefix = ''): string {
  return prefix + randomBytes(SECRET_BYTES).toString('base64url');
}

/**
 * What is stored of it. A plain SHA-256 is enough for random secrets, and looking a hash up takes no time that tells
 * anything about another secret.
 */
export function hashBearerSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
