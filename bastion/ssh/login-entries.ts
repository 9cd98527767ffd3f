import type { AdmittedStream } from '../admission/admission.ts';
import type { LoginRefusal } from './late-refusal.ts';
import { sentenceOf } from './notices.ts';
import type { SessionContext, SessionServices } from './session-context.ts';

/** Of a login that is refused, so much is entered. */
const SHOWN_LOGIN_CHARACTERS = 64;

/** Enters what became of an operator whose pass was good: let in, or refused, which is said once for a connection. */
export class LoginEntries {
  readonly #services: Pick<SessionServices, 'refusals' | 'log'>;
  readonly #admitted: Pick<AdmittedStream, 'claims' | 'host' | 'source' | 'gate'>;
  #refused = false;

  constructor(
    services: Pick<SessionServices, 'refusals' | 'log'>,
    admitted: Pick<AdmittedStream, 'claims' | 'host' | 'source' | 'gate'>,
  ) {
    this.#services = services;
    this.#admitted = admitted;
  }

  /** The key is proved, and the session begins; to be awaited before the operator is let in. @throws `audit.unavailable` */
  async enterAdmitted(context: SessionContext, client: string | undefined): Promise<void> {
    const { claims, source } = this.#admitted;
    await context.record('operator.admitted', {
      source,
      pass: claims.jti,
      groups: claims.groups,
      amr: claims.amr,
      device: claims.device,
      vouchedBy: claims.vouched_by,
      fingerprint: claims.cnf,
      client,
    });
  }

  /**
   * Enters a refusal; resolves with whether it is the first of this connection, which is the one that the operator is
   * to be told. Never rejects: they are refused whether that can be entered or not.
   */
  async enterRefused(login: string, { code, reason }: LoginRefusal): Promise<boolean> {
    if (this.#refused) return false;
    this.#refused = true;
    const shown = login.replace(/[^\x20-\x7e]/g, '?').slice(0, SHOWN_LOGIN_CHARACTERS);
    const { claims, host, source } = this.#admitted;
    try {
      await this.#services.refusals.add({
        type: 'operator.refused',
        actor: `operator:${claims.sub}`,
        operator: claims.sub,
        host: host.name,
        login: shown,
        source,
        code,
        reason,
      });
    } catch (error) {
      this.#services.log.error({ err: error }, 'a refusal could not be audited');
    }
    return true;
  }

  /** A pass was good and nobody proved its key: a network fault at best. @throws `audit.unavailable` */
  async enterUnproved(reason: string): Promise<void> {
    if (this.#refused) return;
    const { claims, host, source, gate } = this.#admitted;
    await this.#services.refusals.add({
      type: 'operator.refused',
      actor: `operator:${claims.sub}`,
      operator: claims.sub,
      host: host.name,
      source,
      code: gate.aborted ? 'access.off' : 'key.not_proved',
      reason: gate.aborted ? sentenceOf(gate.reason) : `the key of the pass was not proved: ${reason}`,
    });
  }
}
