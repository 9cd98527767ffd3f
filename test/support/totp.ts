import { generateSync } from 'otplib';

/** What an authenticator app shows for `secret` at `nowMs`. */
export function totpCode(secret: string, nowMs: number): string {
  return generateSync({ secret, epoch: Math.floor(nowMs / 1000) });
}
