import type { ApprovalNeed } from '../policy/approval.ts';
import type { Grant } from './grant.ts';
import {
  type GivenApproval,
  nextRequestState,
  type RequestEvent,
  type RequestState,
} from './request-state.ts';

/** What an operator asks the customer for. */
export interface ApprovalAsk {
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly session: string;
  /** What they wanted to do when they were held up: `shell`, `exec uptime`, … */
  readonly action: string;
  readonly source?: string;
  readonly reason?: string;
}

/** What became of a request, for those who wait. */
export type ApprovalOutcome =
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'refused'; readonly message?: string }
  | { readonly kind: 'expired' }
  | { readonly kind: 'withdrawn' };

/** A request that waits, with all who wait for it. */
export class ParkedRequest {
  readonly id: string;
  readonly ask: ApprovalAsk;
  readonly need: ApprovalNeed;
  readonly askedAtMs: number;
  readonly deadlineMonotonicMs: number;
  /** Resolves when the event that says so is stored; nobody is asked before. */
  announced: Promise<void> = Promise.resolve();
  readonly #onAbandoned: (request: ParkedRequest) => void;
  readonly #waiters = new Set<(outcome: ApprovalOutcome) => void>();
  #state: RequestState = { kind: 'waiting', approvals: [] };

  constructor(options: {
    readonly id: string;
    readonly ask: ApprovalAsk;
    readonly need: ApprovalNeed;
    readonly askedAtMs: number;
    readonly deadlineMonotonicMs: number;
    readonly onAbandoned: (request: ParkedRequest) => void;
  }) {
    this.id = options.id;
    this.ask = options.ask;
    this.need = options.need;
    this.askedAtMs = options.askedAtMs;
    this.deadlineMonotonicMs = options.deadlineMonotonicMs;
    this.#onAbandoned = options.onAbandoned;
  }

  get state(): RequestState {
    return this.#state;
  }

  get approvals(): readonly GivenApproval[] {
    return this.#state.kind === 'waiting' || this.#state.kind === 'granted' ? this.#state.approvals : [];
  }

  get waiters(): number {
    return this.#waiters.size;
  }

  /** The fields of its audit events. */
  get subject() {
    const { operator, host, login, reason } = this.ask;
    return {
      request: this.id,
      operator,
      host,
      login,
      role: this.need.role,
      ...(reason === undefined ? {} : { operatorReason: reason }),
    };
  }

  isFor(ask: ApprovalAsk, role: string): boolean {
    const { operator, host, login } = this.ask;
    return operator === ask.operator && host === ask.host && login === ask.login && role === this.need.role;
  }

  wait(signal: AbortSignal): Promise<ApprovalOutcome> {
    return new Promise((resolve) => {
      const settle = (outcome: ApprovalOutcome): void => {
        signal.removeEventListener('abort', left);
        this.#waiters.delete(settle);
        resolve(outcome);
      };
      const left = (): void => {
        settle({ kind: 'withdrawn' });
        if (this.#waiters.size === 0) this.#onAbandoned(this);
      };
      this.#waiters.add(settle);
      signal.addEventListener('abort', left, { once: true });
      if (signal.aborted) left();
    });
  }

  /** The only place where its state changes; those who wait hear of its end. */
  apply(event: RequestEvent, grant?: Grant): void {
    const before = this.#state;
    this.#state = nextRequestState(before, event);
    if (this.#state === before || this.#state.kind === 'waiting') return;
    const outcome = outcomeOf(this.#state, grant);
    for (const settle of [...this.#waiters]) settle(outcome);
  }
}

function outcomeOf(
  state: Exclude<RequestState, { kind: 'waiting' }>,
  grant: Grant | undefined,
): ApprovalOutcome {
  switch (state.kind) {
    case 'granted':
      return grant === undefined ? { kind: 'withdrawn' } : { kind: 'granted', grant };
    case 'refused':
      return { kind: 'refused', ...(state.message === undefined ? {} : { message: state.message }) };
    default:
      return { kind: state.kind };
  }
}
