import {
  IDLE_FRAME_BURST,
  IDLE_FRAMES_PER_SECOND,
  PING_BURST,
  PING_PER_SECOND,
  SYN_BURST,
  SYN_PER_SECOND,
} from '../limits.ts';
import { type FrameHeader, FrameType } from './frame.ts';
import { RateLimit } from './rate-limit.ts';

/** Credit below this is hardly worth its frame. */
const TINY_CREDIT_BYTES = 256;

/** How often the peer of one session may do what costs us more than it costs the peer. */
export class PeerLimits {
  readonly #syn: RateLimit;
  readonly #ping: RateLimit;
  readonly #idle: RateLimit;

  constructor(nowMs: () => number) {
    this.#syn = new RateLimit({ burst: SYN_BURST, perSecond: SYN_PER_SECOND, nowMs });
    this.#ping = new RateLimit({ burst: PING_BURST, perSecond: PING_PER_SECOND, nowMs });
    this.#idle = new RateLimit({ burst: IDLE_FRAME_BURST, perSecond: IDLE_FRAMES_PER_SECOND, nowMs });
  }

  /** One more stream of the peer. False: too many. */
  syn(): boolean {
    return this.#syn.take();
  }

  /** One more ping or answer to one. False: too many. */
  ping(): boolean {
    return this.#ping.take();
  }

  /** One more frame that has no effect. False: too many. */
  idleFrame(): boolean {
    return this.#idle.take();
  }

  /** One more Data or WindowUpdate frame; counted when it hardly says anything. False: too many. */
  streamFrame(header: FrameHeader): boolean {
    if (header.flags !== 0) return true;
    const idleBelow = header.type === FrameType.Data ? 1 : TINY_CREDIT_BYTES;
    return header.length >= idleBelow || this.idleFrame();
  }
}
