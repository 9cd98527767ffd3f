import { enterBeside } from '../../shared/audit/enter-beside.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { saidText } from '../../shared/plain-text.ts';
import type { KnownTime } from '../gate/machine.ts';
import type { PolicyGrant } from '../policy/approval.ts';
import type { ApprovalNews } from './approval-news.ts';
import {
  type ActiveGrant,
  activate,
  type Grant,
  grantLeftMs,
  policyGrantOf,
  TEXT_LIMIT_CHARACTERS,
} from './grant.ts';
import type { GrantStore } from './grant-store.ts';

export interface GrantsOptions extends KnownTime {
  readonly store: GrantStore;
  readonly audit: AuditSink;
  readonly log: Logger;
}

/** What the customer has granted and is in force: until its end, or until it is taken back. */
export class Grants {
  readonly #options: GrantsOptions;
  readonly #tell: (news: ApprovalNews) => void;
  readonly #active = new Map<string, ActiveGrant>();
  readonly #everHad = new Set<string>();

  constructor(options: GrantsOptions, tell: (news: ApprovalNews) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  /** Takes over what the process before this one left, and enters the end of the rest. @throws `store.*`, `audit.unavailable` */
  async takeOver(): Promise<void> {
    for (const operator of await this.#options.store.listOperators()) this.#everHad.add(operator);
    for (const grant of await this.#options.store.listOpen())
      if (!this.add(grant)) await this.#noteEnd(grant);
  }

  /** Puts a grant that is stored in force. False when it is over already. */
  add(grant: Grant): boolean {
    this.#everHad.add(grant.operator);
    const active = activate(grant, this.#options);
    if (active !== undefined) this.#active.set(grant.id, active);
    return active !== undefined;
  }

  get inForce(): readonly Grant[] {
    return [...this.#active.values()].filter((grant) => grantLeftMs(grant, this.#options.clock) > 0);
  }

  /** True when something was granted to this operator at any time, whatever became of it. */
  hasEverHad(operator: string): boolean {
    return this.#everHad.has(operator);
  }

  /** What decisions about this operator look at. */
  of(operator: string): readonly PolicyGrant[] {
    return this.inForce.filter((grant) => grant.operator === operator).map(policyGrantOf);
  }

  /**
   * Takes a grant back. Its sessions end before anything is stored: whatever is wrong with disk or log, it is gone.
   * @throws `approval.not_found`; `audit.unavailable`, when it is gone all the same; `store.*`, when it is gone until the
   *   next start.
   */
  async revoke(actor: Actor, id: string, message?: string): Promise<void> {
    const grant = this.#active.get(id);
    if (grant === undefined)
      throw new DrawbridgeError('approval.not_found', 'There is no such grant in force.');
    const { audit, clock, store } = this.#options;
    this.#active.delete(id);
    this.#tell({ kind: 'revoked', grant });
    const said = saidText(message, TEXT_LIMIT_CHARACTERS);
    const event = { type: 'approval.revoked', actor, ...subjectOf(grant), message: said } as const;
    const entered = enterBeside(audit, event);
    await store.end(id, clock.nowMs());
    await entered;
  }

  /** Ends what has run out. */
  look(): void {
    const { clock, log } = this.#options;
    for (const grant of this.#active.values()) {
      if (grantLeftMs(grant, clock) > 0) continue;
      this.#active.delete(grant.id);
      this.#tell({ kind: 'expired', grant });
      this.#noteEnd(grant).catch((error: unknown) =>
        log.error({ err: error, grant: grant.id }, 'the end of a grant could not be stored'),
      );
    }
  }

  async #noteEnd(grant: Grant): Promise<void> {
    const { audit, clock, store } = this.#options;
    await audit.append({ type: 'approval.expired', actor: 'system', ...subjectOf(grant) });
    await store.end(grant.id, clock.nowMs());
  }
}

function subjectOf(grant: Grant) {
  const { id, request, operator, host, login, role } = grant;
  return { grant: id, request, operator, host, login, role };
}
