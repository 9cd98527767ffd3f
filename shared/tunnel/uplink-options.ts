import type { Clock } from '../clock.ts';
import type { Egress } from '../egress/egress.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import type { Logger } from '../log.ts';
import type { DialOptions, PinnedPeer } from './dial.ts';
import type { DialledTransport } from './transport.ts';
import type { StreamHandler, Tunnel } from './tunnel.ts';
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

/** What an `Uplink` needs. */
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
