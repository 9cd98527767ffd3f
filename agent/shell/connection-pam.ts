import type { Clock } from '../../shared/clock.ts';
import { type Account, isSuperuser } from './account.ts';
import type { SystemTools } from './launch.ts';
import { openPamSession, type PamSession } from './pam-session.ts';

/** PAM's session of one connection: opened once its account is known, closed with it. */
export class ConnectionPam {
  readonly #options: { readonly pam: () => boolean; readonly tools: SystemTools; readonly clock: Clock };
  #session: Promise<PamSession | undefined> = Promise.resolve(undefined);

  constructor(options: { readonly pam: () => boolean; readonly tools: SystemTools; readonly clock: Clock }) {
    this.#options = options;
  }

  /** Resolves with what is open, if PAM is asked at all. @throws `agent.account_refused` */
  get session(): Promise<PamSession | undefined> {
    return this.#session;
  }

  /** Begins to open it; only root can, and only where the system has `su`. */
  begin(account: Account): void {
    const { pam, tools, clock } = this.#options;
    if (!pam() || !isSuperuser() || tools.su === undefined) return;
    this.#session = openPamSession(tools.su, account, clock);
    // Whoever starts something hears of it.
    this.#session.catch(() => undefined);
  }

  close(): void {
    this.#session.then(
      (session) => session?.close(),
      () => undefined,
    );
  }
}
