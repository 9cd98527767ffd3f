import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { WEB_SESSION_LIFETIME_MS } from '../admins/web-sessions.ts';
import type { Caller } from './access-guard.ts';

/** A sign-in this fresh may change what one signs in with: whoever finds an open page later may not. */
export const FRESH_SIGN_IN_MS = 10 * 60_000;

/**
 * @throws `login.not_fresh` for a sign-in that is older, and for a token, which has no factors of its own;
 * `login.provided` for somebody of a directory, who has none here.
 */
export function refuseStale({ via }: Caller, clock: Clock): void {
  if (via.kind === 'cookie' && via.provided) {
    throw new DrawbridgeError(
      'login.provided',
      'You sign in by your directory; there is no account of yours here.',
      {
        hint: 'Change what you sign in with there.',
      },
    );
  }
  const isFresh =
    via.kind === 'cookie' && clock.nowMs() - (via.expiresAtMs - WEB_SESSION_LIFETIME_MS) <= FRESH_SIGN_IN_MS;
  if (isFresh) return;
  throw new DrawbridgeError('login.not_fresh', 'Your sign-in is too old to change what you sign in with.', {
    hint: 'Sign out, sign in again, and do it within ten minutes.',
  });
}
