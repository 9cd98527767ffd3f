import type { Actor } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { explain, type PolicyExplanation } from './explain.ts';
import { type PolicyQuestion, requestFor } from './policy-question.ts';
import type { ApplyOptions, PolicyStore } from './policy-store.ts';
import type { PolicySummary, PolicyVersion } from './policy-versions.ts';
import type { Policy } from './schema.ts';

/** The answer to 'may this operator do this?' */
export interface PolicyAnswer extends PolicyExplanation {
  /** Version of the policy that was asked; none for a text that is not in force. */
  readonly version?: number;
  /** Remote access as it is now: while it is off, nobody gets in, whatever the policy says. */
  readonly access: 'on' | 'off';
}

export interface PolicyAdministrationParts {
  readonly store: PolicyStore;
  /** What decides at this moment; see `EffectivePolicy`. */
  readonly inForce: { readonly policy: Policy };
  /** Labels of a host as they are now; none for a host that is not known. */
  readonly labelsOf: (host: string) => Readonly<Record<string, string>>;
  readonly access: () => 'on' | 'off';
  readonly clock: Clock;
}

/** Everything that administrators do with the policy, by whatever way they come. */
export class PolicyAdministration {
  readonly #parts: PolicyAdministrationParts;

  constructor(parts: PolicyAdministrationParts) {
    this.#parts = parts;
  }

  /** The version in force. */
  get summary(): PolicySummary {
    return this.#parts.store.summary;
  }

  /** @throws `policy.not_found` */
  version(version: number): Promise<PolicySummary> {
    return this.#parts.store.version(version);
  }

  /** Newest first. */
  history(options: { readonly before?: number; readonly limit: number }): Promise<PolicyVersion[]> {
    return this.#parts.store.history(options);
  }

  /** Lines that were removed (`- `) and added (`+ `). @throws `policy.not_found` */
  difference(from: number, to: number): Promise<string[]> {
    return this.#parts.store.difference(from, to);
  }

  /** @throws `policy.invalid` with every fault, line and column */
  check(text: string): void {
    this.#parts.store.check(text);
  }

  /**
   * Explains a decision of the policy in force, or of `text`.
   * @throws `usage.action`, `policy.invalid`
   */
  explain(question: PolicyQuestion, text?: string): PolicyAnswer {
    const { store, inForce, labelsOf, access, clock } = this.#parts;
    const policy = text === undefined ? inForce.policy : store.check(text);
    const request = requestFor(question, { labels: labelsOf(question.host), nowMs: clock.nowMs() });
    return {
      ...explain(policy, request),
      ...(text === undefined ? { version: store.summary.version } : {}),
      access: access(),
    };
  }

  /** @throws like {@link PolicyStore.apply} */
  apply(actor: Actor, text: string, options: ApplyOptions = {}): Promise<PolicySummary> {
    return this.#parts.store.apply(actor, text, options);
  }

  /** @throws like {@link PolicyStore.undo} */
  undo(
    actor: Actor,
    options: { readonly to?: number; readonly message?: string } = {},
  ): Promise<PolicySummary> {
    return this.#parts.store.undo(actor, options);
  }
}
