import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Duplicate } from '../../shared/tunnel/duplicate-watch.ts';
import { TokenBucket } from '../admission/token-bucket.ts';

/** Comings of one agent that are entered one by one: at once, and per second in the long run (two a minute). */
export const PRESENCE_BURST = 20;
export const PRESENCE_PER_SECOND = 1 / 30;

/**
 * Enters that agents come and go, each going only when its coming was entered. Of an agent that comes and goes in a
 * loop, the rest is counted only, so that it can't fill the customer's disk; its next entry says how many there were.
 */
export class PresenceLog {
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  /** By the agent's id: no more than there are agents enrolled. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /**
   * Enters that `agent` has come from `source`. Resolves with how to enter that it has gone.
   * @throws `audit.unavailable`: then it must not be taken.
   */
  async came(
    agent: { readonly id: string; readonly name: string },
    source: string,
  ): Promise<(reason: string) => Promise<void>> {
    const turn = this.#bucket(agent.id).take();
    if (turn === undefined) return async () => undefined;
    const who = { actor: `agent:${agent.name}`, host: agent.name, agent: agent.id } as const;
    const unlisted = turn.missed === 0 ? {} : { unlistedConnections: turn.missed };
    await this.#audit.append({ type: 'agent.connected', ...who, source, ...unlisted });
    return async (reason) => {
      await this.#audit.append({ type: 'agent.disconnected', ...who, reason });
    };
  }

  /** Enters that two processes dial with the key of one agent. It is said once per agent and start of the bastion. */
  async duplicated(host: string, { peerId, sign, addresses }: Duplicate): Promise<void> {
    const who = { actor: `agent:${host}`, host, agent: peerId } as const;
    await this.#audit.append({ type: 'agent.duplicated', ...who, sign, sources: addresses });
  }

  /** Enters that an agent has proved a new key, by the thumbprints of both. @throws `audit.unavailable` */
  async keyRotated(
    agent: { readonly id: string; readonly name: string },
    keys: { readonly from: string; readonly to: string },
  ): Promise<void> {
    const who = { actor: `agent:${agent.name}`, host: agent.name, agent: agent.id } as const;
    await this.#audit.append({ type: 'agent.key_rotated', ...who, ...keys });
  }

  /** Not limited in number either: each goes with a change of the pin. @throws `audit.unavailable` */
  async hostKeyRotated(
    agent: { readonly id: string; readonly name: string },
    keys: { readonly from: string; readonly to: string },
  ): Promise<void> {
    const who = { actor: `agent:${agent.name}`, host: agent.name, agent: agent.id } as const;
    await this.#audit.append({ type: 'agent.host_key_rotated', ...who, ...keys });
  }

  #bucket(agentId: string): TokenBucket {
    const known = this.#buckets.get(agentId);
    if (known !== undefined) return known;
    const bucket = new TokenBucket({ burst: PRESENCE_BURST, perSecond: PRESENCE_PER_SECOND }, this.#clock);
    this.#buckets.set(agentId, bucket);
    return bucket;
  }
}
