import type { Clock } from '../../shared/clock.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import { loginEndMsOf } from '../../shared/identity/pass.ts';
import type { Session, SessionEnding } from '../sessions/session.ts';

const LOGIN_OVER: SessionEnding = {
  code: 'login.expired',
  message: 'Your login is over. Sign in again with: drawbridge login',
};

/** Ends the session when the login that it began with is over, unless its connection is `gone` before. */
export function endWithLogin(session: Session, claims: PassClaims, gone: AbortSignal, clock: Clock): void {
  session.ends = { ...session.ends, loginMs: loginEndMsOf(claims) };
  const leftMs = loginEndMsOf(claims) - clock.nowMs();
  const timer = clock.after(Math.max(leftMs, 0), () => session.end(LOGIN_OVER));
  gone.addEventListener('abort', () => timer.cancel(), { once: true });
}
