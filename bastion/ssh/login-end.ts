import type { Clock } from '../../shared/clock.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import { loginEndMsOf } from '../../shared/identity/pass.ts';
import { LOGIN_OVER, type Session } from '../sessions/session.ts';

/**
 * Ends the session when the login that it began with is over, unless its connection is `gone` before. By the clock that
 * never goes back; the upkeep of sessions looks at the calendar as well.
 */
export function endWithLogin(session: Session, claims: PassClaims, gone: AbortSignal, clock: Clock): void {
  session.ends = { ...session.ends, loginMs: loginEndMsOf(claims) };
  const leftMs = loginEndMsOf(claims) - clock.nowMs();
  const timer = clock.after(Math.max(leftMs, 0), () => session.end(LOGIN_OVER));
  gone.addEventListener('abort', () => timer.cancel(), { once: true });
}
