import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { describeConnectFailure } from '../egress/connect-failure.ts';
import type { Egress } from '../egress/egress.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import type { Logger } from '../log.ts';
import { type DialOptions, httpUrlOf, type PinnedPeer, tunnelUrlOf } from './dial.ts';
import { Reachability } from './reachability.ts';
import type { DialledTransport } from './transport.ts';
import type { StreamHandler, Tunnel } from './tunnel.ts';
import { UplinkSlot } from './uplink-slot.ts';
import type { LivenessTimes } from './yamux/liveness.ts';

/** How one of an uplink's tunnels is doing. */
export interface UplinkTunnelStatus {
  readonly state: 'connected' | 'connecting' | 'waiting' | 'off';
  /** Since when, milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  readonly rttMs?: number;
  readonly streams: number;
  /** Why it is not connected: a sentence. */
  readonly problem?: string;
}

/** What an {@link Uplink} needs. */
export interface UplinkOptions {
  /** Base of the peer's address, `https://…`. */
  readonly url: string;
  readonly identity: NodeIdentity;
  /** The peer as it is pinned. */
  readonly peer: PinnedPeer;
  readonly egress: Egress;
  /** How many tunnels to hold, 1 to {@link MAX_UPLINK_TUNNELS}. */
  readonly tunnels: number;
  onTunnel?(tunnel: Tunnel): void;
  readonly onStream: StreamHandler;
  onChange?(index: number, status: UplinkTunnelStatus): void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Other times than the protocol's. */
  readonly livenessTimes?: LivenessTimes;
  /** Instead of `dialTransport`. */
  dial?(options: DialOptions): Promise<DialledTransport>;
  /** Instead of `Math.random`. */
  random?(): number;
}

/** More tunnels to one peer bring nothing. */
export const MAX_UPLINK_TUNNELS = 16;

/** Enough that no two processes make up the same name. */
const INSTANCE_BYTES = 12;

/** Keeps a number of tunnels to one peer, and dials again whatever is lost, between `start` and `stop`. */
export class Uplink {
  readonly #slots: readonly UplinkSlot[];

  constructor(options: UplinkOptions) {
    if (!Number.isInteger(options.tunnels) || options.tunnels < 1 || options.tunnels > MAX_UPLINK_TUNNELS) {
      throw new RangeError(`tunnels must be 1 to ${MAX_UPLINK_TUNNELS}`);
    }
    const { egress, clock, log, random } = options;
    const instance = randomBytes(INSTANCE_BYTES).toString('base64url');
    const url = httpUrlOf(tunnelUrlOf(options.url));
    const reachability = new Reachability({
      probe: (signal) => egress.reach(url, signal),
      onOutage: (error) => {
        const problem = describeConnectFailure(error, url, egress);
        log.warn({ url: options.url, problemCode: problem.code, problem: problem.message }, 'out of reach');
        for (const slot of this.#slots) slot.unreachable(problem.message);
      },
      clock,
      ...(random === undefined ? {} : { random }),
    });
    this.#slots = Array.from(
      { length: options.tunnels },
      (_, index) => new UplinkSlot(index, { ...options, instance }, reachability),
    );
  }

  /** Dials now, and again until `stop`. Does nothing when started. */
  start(): void {
    for (const slot of this.#slots) slot.start();
  }

  /**
   * Gives up all dials and closes all tunnels at once, telling the peer `code` and `message`. Resolves when the
   * sockets are closed. `start` may be called again, also before that.
   */
  async stop(code: string, message: string): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.stop(code, message)));
  }

  get status(): readonly UplinkTunnelStatus[] {
    return this.#slots.map((slot) => slot.status);
  }

  /** The least busy tunnel that takes new streams; undefined when there is none. */
  pick(): Tunnel | undefined {
    let best: Tunnel | undefined;
    for (const { tunnel } of this.#slots) {
      if (tunnel === undefined || tunnel.draining) continue;
      if (best === undefined || tunnel.openStreams < best.openStreams) best = tunnel;
    }
    return best;
  }
}
