import { randomBytes } from 'node:crypto';
import type { Actor, AuditEventInput } from '../../shared/audit/event.ts';
import type { Timer } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import { saidText } from '../../shared/plain-text.ts';
import { bootEndIn } from '../gate/machine.ts';
import type { ApprovalNeed, PolicyGrant } from '../policy/approval.ts';
import type { ApprovalNews } from './approval-news.ts';
import type { Approvers } from './approvers.ts';
import { type Grant, TEXT_LIMIT_CHARACTERS } from './grant.ts';
import { Grants, type GrantsOptions } from './grants.ts';
import { type ApprovalAsk, type ApprovalOutcome, ParkedRequest } from './parked-request.ts';
import { assertMayJoin, assertRoom } from './parked-room.ts';

/** How often it is looked whether something has run out: the most by which a grant can end late. */
const LOOK_MS = 500;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

export interface ApprovalsOptions extends GrantsOptions {
  readonly approvers: Approvers;
}

/** The customer's word: requests of operators that wait for it, and what was granted. */
export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #parked = new Map<string, ParkedRequest>();
  readonly #grants: Grants;
  readonly #listeners = new Set<(news: ApprovalNews) => void>();
  readonly #timer: Timer;
  /** Decisions of people come one after the other: two that come at once are two, and no more. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: ApprovalsOptions) {
    this.#options = options;
    this.#grants = new Grants(options, (news) => this.#tell(news));
    this.#timer = options.clock.every(LOOK_MS, () => this.#look());
  }

  /** Takes over the grants that still hold. @throws `store.*`, `audit.unavailable` */
  static async open(options: ApprovalsOptions): Promise<Approvals> {
    const approvals = new Approvals(options);
    await approvals.#grants.takeOver();
    return approvals;
  }

  /** Lets go of everybody who waits. */
  close(): void {
    this.#timer.cancel();
    for (const request of this.#parked.values()) request.apply({ kind: 'withdraw' });
    this.#parked.clear();
  }

  /** What decisions look at: the grants of an operator that are in force at this moment. */
  grantsOf(operator: string): readonly PolicyGrant[] {
    return this.#grants.of(operator);
  }

  get grants(): readonly Grant[] {
    return this.#grants.inForce;
  }

  get requests(): readonly ParkedRequest[] {
    return [...this.#parked.values()];
  }

  /** True while nothing was ever granted to an operator of this name here. */
  isNewcomer(operator: string): boolean {
    return !this.#grants.hasEverHad(operator);
  }

  /** Called after each change, grants that end included. Must not throw. Returns how to stop. */
  onNews(listener: (news: ApprovalNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Parks a request, or joins one for the same, and resolves with what became of it. When `signal` aborts, nobody waits
   * for this one any more; a request for which nobody waits is withdrawn.
   * @throws `approval.too_many`, `audit.unavailable`
   */
  async request(
    ask: ApprovalAsk,
    need: ApprovalNeed,
    signal: AbortSignal,
    onParked: (request: ParkedRequest) => void = () => undefined,
  ): Promise<ApprovalOutcome> {
    const request = this.#find(ask, need.role) ?? this.#park(ask, need);
    assertMayJoin(request);
    const outcome = request.wait(signal);
    try {
      await request.announced;
    } catch (error) {
      this.#parked.delete(request.id);
      request.apply({ kind: 'withdraw' });
      throw error;
    }
    onParked(request);
    return outcome;
  }

  /**
   * One person's yes. The grant is made with the last one that the policy asks for; until then the request waits on.
   * @throws `approval.not_found`, `approval.own_request`, `approval.same_person`, `approval.too_long`, `audit.unavailable`
   */
  grant(actor: Actor, id: string, forMs?: number): Promise<Grant | undefined> {
    return this.#inTurn(async () => {
      const { audit, clock, store } = this.#options;
      const request = this.#waiting(id);
      const { rule } = request.need;
      const wanted = forMs ?? rule.for;
      const person = await this.#assertMayApprove(actor, request, wanted);
      const approval = { actor, person, forMs: wanted };
      const complete = request.approvals.length + 1 >= rule.approvers;
      const grantId = complete ? createId('g') : undefined;
      await audit.append({
        type: 'approval.granted',
        actor,
        ...request.subject,
        forMs: wanted,
        approvals: request.approvals.length + 1,
        needed: rule.approvers,
        complete,
        ...(grantId === undefined ? {} : { grant: grantId }),
      });
      // The operator may have gone, and the time may have run out, while the event was stored.
      if (request.state.kind !== 'waiting') throw notFound(id);
      if (grantId === undefined) {
        request.apply({ kind: 'approve', approval, needed: rule.approvers });
        this.#tell({ kind: 'approved', request });
        return undefined;
      }
      const given = [...request.approvals, approval];
      const nowMs = clock.nowMs();
      const lastsMs = Math.min(...given.map((one) => one.forMs));
      const boot = bootEndIn(lastsMs, this.#options.machine);
      const grant: Grant = {
        id: grantId,
        request: request.id,
        operator: request.ask.operator,
        host: request.ask.host,
        login: request.ask.login,
        role: request.need.role,
        ...(request.ask.reason === undefined ? {} : { reason: request.ask.reason }),
        approvedBy: given.map((one) => one.actor),
        grantedAtMs: nowMs,
        untilMs: nowMs + lastsMs,
        ...(boot === undefined ? {} : { boot }),
      };
      await store.add(grant);
      if (request.state.kind !== 'waiting') {
        // Refused by nobody, but nobody waits: what was granted to one who was locked out meanwhile must not outlive that.
        await store.end(grant.id, clock.nowMs());
        throw notFound(id);
      }
      this.#grants.add(grant);
      this.#parked.delete(request.id);
      request.apply({ kind: 'approve', approval, needed: rule.approvers }, grant);
      this.#tell({ kind: 'granted', request, grant });
      return grant;
    });
  }

  /** @throws `approval.not_found`, `audit.unavailable` */
  refuse(actor: Actor, id: string, message?: string): Promise<void> {
    return this.#inTurn(async () => {
      const request = this.#waiting(id);
      const said = saidText(message, TEXT_LIMIT_CHARACTERS);
      await this.#options.audit.append({
        type: 'approval.refused',
        actor,
        ...request.subject,
        message: said,
      });
      this.#parked.delete(id);
      request.apply({ kind: 'refuse', by: actor, ...(said === undefined ? {} : { message: said }) });
      this.#tell({ kind: 'refused', request });
    });
  }

  /**
   * Refuses each request that `which` names, and says how many that were. One that ends meanwhile is none of them.
   * @throws `audit.unavailable`, with the rest still waiting
   */
  async refuseAll(
    actor: Actor,
    which: (request: ParkedRequest) => boolean,
    message?: string,
  ): Promise<number> {
    let refused = 0;
    for (const request of this.requests.filter(which)) {
      if (this.#parked.get(request.id) !== request) continue;
      try {
        await this.refuse(actor, request.id, message);
        refused += 1;
      } catch (error) {
        if (!(isDrawbridgeError(error) && error.code === 'approval.not_found')) throw error;
      }
    }
    return refused;
  }

  /** Takes a grant back; see {@link Grants.revoke}. */
  revoke(actor: Actor, id: string, message?: string): Promise<void> {
    return this.#grants.revoke(actor, id, message);
  }

  /** Ends what waits for an operator who is not let in any more. */
  withdraw(operator: string): void {
    for (const request of this.requests) if (request.ask.operator === operator) this.#withdrawn(request);
  }

  /** Who stands behind the actor, when that person may approve this for so long. */
  async #assertMayApprove(actor: Actor, request: ParkedRequest, forMs: number): Promise<string> {
    const { approvers, audit } = this.#options;
    const { rule } = request.need;
    const person = await approvers.personOf(actor);
    if (person === undefined || approvers.isOperator(person, request.ask.operator)) {
      const reason =
        'nobody approves a request of their own, and each approval needs a person who can be named';
      await audit.append({ type: 'approval.denied', actor, ...request.subject, reason });
      throw new DrawbridgeError('approval.own_request', 'You may not approve this request.', {
        hint: 'Somebody else has to: nobody approves a request of their own.',
      });
    }
    if (request.approvals.some((given) => approvers.mayBeOne(given.person, person))) {
      throw new DrawbridgeError('approval.same_person', 'You have approved this request already.', {
        hint: `${rule.approvers} different people have to approve it.`,
      });
    }
    if (forMs > 0 && forMs <= rule.for) return person;
    const minutes = rule.for / 60_000;
    throw new DrawbridgeError(
      'approval.too_long',
      `The policy lets this be granted for ${minutes} minutes at most.`,
    );
  }

  #find(ask: ApprovalAsk, role: string): ParkedRequest | undefined {
    return this.requests.find((request) => request.isFor(ask, role) && request.state.kind === 'waiting');
  }

  #park(ask: ApprovalAsk, need: ApprovalNeed): ParkedRequest {
    const waiting = this.requests.map((request) => request.ask);
    assertRoom(ask.operator, waiting, (operator) => this.isNewcomer(operator));
    const { audit, clock } = this.#options;
    const { reason, ...rest } = ask;
    const said = saidText(reason, TEXT_LIMIT_CHARACTERS);
    const request = new ParkedRequest({
      id: createId('r'),
      ask: { ...rest, ...(said === undefined ? {} : { reason: said }) },
      need,
      askedAtMs: clock.nowMs(),
      deadlineMonotonicMs: clock.monotonicMs() + need.rule.wait,
      onAbandoned: (abandoned) => this.#withdrawn(abandoned),
    });
    this.#parked.set(request.id, request);
    request.announced = audit
      .append({
        type: 'approval.requested',
        actor: `operator:${ask.operator}`,
        ...request.subject,
        session: ask.session,
        source: ask.source,
        action: ask.action,
        needed: need.rule.approvers,
        waitMs: need.rule.wait,
      })
      .then(() => this.#tell({ kind: 'requested', request }));
    request.announced.catch(() => undefined);
    return request;
  }

  #waiting(id: string): ParkedRequest {
    const request = this.#parked.get(id);
    if (request === undefined || request.state.kind !== 'waiting') throw notFound(id);
    return request;
  }

  #withdrawn(request: ParkedRequest): void {
    if (!this.#parked.delete(request.id)) return;
    request.apply({ kind: 'withdraw' });
    this.#note({ type: 'approval.withdrawn', actor: `operator:${request.ask.operator}`, ...request.subject });
    this.#tell({ kind: 'withdrawn', request });
  }

  #look(): void {
    const { clock } = this.#options;
    for (const request of this.requests) {
      if (clock.monotonicMs() < request.deadlineMonotonicMs) continue;
      this.#parked.delete(request.id);
      request.apply({ kind: 'expire' });
      this.#note({ type: 'approval.expired', actor: 'system', ...request.subject });
      this.#tell({ kind: 'expired', request });
    }
    this.#grants.look();
  }

  /** What it tells has taken something away already: there is nothing left to refuse when it can't be stored. */
  #note(event: AuditEventInput): void {
    this.#options.audit
      .append(event)
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'an event could not be stored'));
  }

  #tell(news: ApprovalNews): void {
    for (const listener of this.#listeners) listener(news);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function notFound(id: string): DrawbridgeError {
  return new DrawbridgeError('approval.not_found', `No request ${id.slice(0, 40)} waits.`, {
    hint: 'See which do with drawbridge approvals ls.',
  });
}

function createId(prefix: 'r' | 'g'): string {
  return `${prefix}-${[...randomBytes(10)].map((byte) => BASE32[byte % 32]).join('')}`;
}
