import { AttemptLimit, type AttemptRate } from '../../shared/accounts/attempt-limit.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { TunnelPeer } from '../../shared/tunnel/acceptor.ts';
import type { TunnelClosed } from '../../shared/tunnel/tunnel.ts';

/** Tunnels of one bastion that are entered one by one. */
export const CONNECTION_EVENT_RATE: AttemptRate = { burst: 60, refillMs: 30_000 };

/**
 * Enters that the tunnels of bastions come and go, each going only when its coming was entered. Of a bastion that dials in
 * a loop the rest is counted only, so that it can't fill the vendor's disk; its next entry says how many there were.
 */
export class ConnectionLog {
  readonly #audit: AuditSink;
  readonly #rate: AttemptLimit;
  /** By the bastion's id: no more than there are bastions. */
  readonly #unlisted = new Map<string, number>();

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#rate = new AttemptLimit(CONNECTION_EVENT_RATE, clock);
  }

  /**
   * Enters a tunnel. Resolves with how to enter its end.
   * @throws `audit.unavailable`: then it must not be taken
   */
  async came(
    peer: TunnelPeer,
    tunnel: string,
    source: string,
  ): Promise<(why: TunnelClosed) => Promise<void>> {
    const unlisted = this.#unlisted.get(peer.id) ?? 0;
    if (!this.#rate.take(peer.id)) {
      this.#unlisted.set(peer.id, unlisted + 1);
      return async () => undefined;
    }
    this.#unlisted.delete(peer.id);
    const about = { actor: `bastion:${peer.name}`, bastion: peer.name, bastionId: peer.id, tunnel } as const;
    const more = unlisted === 0 ? {} : { unlistedConnections: unlisted };
    await this.#audit.append({ ...about, type: 'tunnel.connected', source, ...more });
    return async ({ code, message }) => {
      await this.#audit.append({ ...about, type: 'tunnel.disconnected', reason: code, message });
    };
  }
}
