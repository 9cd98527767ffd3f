/** Why this host does not let the bastion in. */
export type LoginRefusal = 'wrong_key' | 'not_served' | 'unknown';

/** What an agent counts, whether somebody asks for it or not. */
export class AgentTally {
  #tunnelsLost = 0;
  readonly #isUp = new Set<number>();
  readonly #refusedLogins = new Map<LoginRefusal, number>();

  /** Tunnels that stood and ended, on whatever side, since the start. */
  get tunnelsLost(): number {
    return this.#tunnelsLost;
  }

  /** Refused attempts of the bastion to sign in, by reason. */
  get refusedLogins(): ReadonlyMap<LoginRefusal, number> {
    return this.#refusedLogins;
  }

  /** One of the uplink's tunnels has changed, or its state was only looked at anew. */
  tunnelIs(index: number, state: string): void {
    if (state === 'connected') this.#isUp.add(index);
    else if (this.#isUp.delete(index)) this.#tunnelsLost += 1;
  }

  loginRefused(reason: LoginRefusal): void {
    this.#refusedLogins.set(reason, (this.#refusedLogins.get(reason) ?? 0) + 1);
  }
}
