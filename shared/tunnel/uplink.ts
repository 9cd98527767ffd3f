import { randomBytes } from 'node:crypto';
import { describeConnectFailure } from '../egress/connect-failure.ts';
import { httpUrlOf, tunnelUrlOf } from './dial.ts';
import { Reachability } from './reachability.ts';
import type { Tunnel } from './tunnel.ts';
import { MAX_UPLINK_TUNNELS, type UplinkOptions, type UplinkTunnelStatus } from './uplink-options.ts';
import { UplinkSlot } from './uplink-slot.ts';

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
   * Tells the peer that this end is about to go: it opens no further streams, and knows why those that are open end.
   * `stop` comes next.
   */
  leave(): void {
    for (const slot of this.#slots) slot.leave();
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

  /** Streams that are open in all tunnels. */
  get openStreams(): number {
    return this.#slots.reduce((sum, { tunnel }) => sum + (tunnel?.openStreams ?? 0), 0);
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
