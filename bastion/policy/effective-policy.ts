import type { Policy } from './schema.ts';

/**
 * The policy that decides at this moment: the one in force, without its windows while the customer has opened access
 * outside of them. Nothing else of it changes: contract periods, groups, hosts, logins and limits hold.
 */
export class EffectivePolicy {
  readonly #source: { readonly policy: Policy };
  readonly #outsideWindows: () => boolean;
  #made: { readonly from: Policy; readonly policy: Policy } | undefined;

  constructor(source: { readonly policy: Policy }, outsideWindows: () => boolean) {
    this.#source = source;
    this.#outsideWindows = outsideWindows;
  }

  /** The same object as long as nothing has changed. */
  get policy(): Policy {
    const { policy } = this.#source;
    if (!this.#outsideWindows()) return policy;
    if (this.#made?.from !== policy) this.#made = { from: policy, policy: withoutWindows(policy) };
    return this.#made.policy;
  }
}

function withoutWindows(policy: Policy): Policy {
  const roles = policy.roles.map(({ windows, ...role }) => role);
  return { ...policy, roles };
}
