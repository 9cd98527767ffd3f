import type { Clock } from '../../clock.ts';
import { DrawbridgeError } from '../../errors.ts';
import { MAX_STREAMS_PER_DIRECTION } from '../limits.ts';
import type { Transport } from '../transport.ts';
import type { TunnelClosed } from '../tunnel.ts';
import { Flag, FrameDecoder, type FrameHeader, FrameType, GoAwayCode } from './frame.ts';
import { DEFAULT_LIVENESS_TIMES, Liveness, type LivenessTimes } from './liveness.ts';
import { Outbox } from './outbox.ts';
import { PeerLimits } from './peer-limits.ts';
import { WindowBudget, type WindowContext } from './receive-window.ts';
import { type StreamHost, YamuxStream } from './stream.ts';

/** Largest stream id: 32 bits. */
const MAX_STREAM_ID = 0xffff_ffff;

/** What a {@link YamuxSession} needs. */
export interface YamuxSessionOptions {
  readonly transport: Transport;
  /** The client opens odd stream ids, the server even ones. */
  readonly side: 'client' | 'server';
  readonly clock: Clock;
  /** How often to ping and how long to wait for a sign of life; {@link DEFAULT_LIVENESS_TIMES} unless given. */
  readonly livenessTimes?: LivenessTimes;
  /** Whether one more stream of the peer is welcome now; it is reset otherwise. */
  mayAccept(): boolean;
  /** A stream that the peer opened. */
  onStream(stream: YamuxStream): void;
  /** A stream of either side is gone. */
  onStreamEnded(stream: YamuxStream): void;
  /** The peer wants no new streams. */
  onGoAway(): void;
  /** The session has ended, and with it all its streams. Called once. */
  onEnd(reason: TunnelClosed): void;
}

/**
 * One yamux session over a transport: streams both ways, fair sending, liveness, and limits on what the peer does.
 * A peer that breaks the rules gets GoAway with code 1 and loses the whole session, and nothing else happens.
 */
export class YamuxSession {
  readonly #options: YamuxSessionOptions;
  readonly #transport: Transport;
  readonly #streams = new Map<number, YamuxStream>();
  readonly #outbox: Outbox;
  readonly #liveness: Liveness;
  readonly #decoder: FrameDecoder;
  readonly #limits: PeerLimits;
  readonly #host: StreamHost;
  readonly #parity: number;
  #nextId: number;
  #lastPeerId = 0;
  #openedByUs = 0;
  #openedByPeer = 0;
  #receivedBytes = 0;
  /** Where the payload of the current Data frame goes; undefined: nowhere. */
  #payloadStream: YamuxStream | undefined;
  #finAfterPayload = false;
  #goAwaySent = false;
  #ended = false;

  constructor(options: YamuxSessionOptions) {
    const { clock } = options;
    this.#options = options;
    this.#transport = options.transport;
    this.#parity = options.side === 'client' ? 1 : 0;
    this.#nextId = options.side === 'client' ? 1 : 2;
    this.#limits = new PeerLimits(() => clock.monotonicMs());
    this.#decoder = new FrameDecoder({
      onHeader: (header) => this.#onHeader(header),
      onPayload: (piece, last) => this.#onPayload(piece, last),
    });
    const outbox = new Outbox({
      transport: options.transport,
      onStalled: () =>
        this.#end({ code: 'tunnel.stalled', message: 'The other end sends and does not read.' }),
    });
    this.#outbox = outbox;
    const times = options.livenessTimes ?? DEFAULT_LIVENESS_TIMES;
    this.#liveness = new Liveness({
      clock,
      times,
      sendPing: (value) => outbox.addControl(FrameType.Ping, Flag.Syn, 0, value),
      movedBytes: () => this.#receivedBytes + outbox.sentBytes,
      onSilence: () => {
        const seconds = times.silenceTimeoutMs / 1000;
        this.#end({ code: 'tunnel.silent', message: `The other end was silent for ${seconds} seconds.` });
      },
    });
    this.#host = {
      windowContext: this.#windowContext(clock),
      sendControl: (type, flags, streamId, length) => outbox.addControl(type, flags, streamId, length),
      ready: (stream) => outbox.add(stream),
      ended: (stream) => this.#onStreamEnded(stream),
    };
  }

  /** Streams that are open, of both sides. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Smoothed round trip time, once one was measured. */
  get rttMs(): number | undefined {
    return this.#liveness.smoothedRttMs;
  }

  /** Starts to read and to ping. Separate from the constructor, so that the owner is ready for what comes. */
  start(): void {
    this.#transport.start({
      onMessage: (bytes) => this.#onMessage(bytes),
      onDrain: () => this.#outbox.pump(),
      onClose: (reason) => this.#end(reason),
    });
    if (!this.#ended) this.#liveness.start();
  }

  /**
   * Opens a stream; the peer hears of it with the next batch.
   * @throws `tunnel.closed`, `tunnel.too_many_streams`, and `tunnel.draining` when the ids are used up.
   */
  openStream(): YamuxStream {
    if (this.#ended) throw new DrawbridgeError('tunnel.closed', 'The tunnel is closed.');
    if (this.#openedByUs >= MAX_STREAMS_PER_DIRECTION) {
      throw new DrawbridgeError('tunnel.too_many_streams', 'The tunnel has as many streams as it may have.');
    }
    if (this.#nextId > MAX_STREAM_ID) {
      throw new DrawbridgeError('tunnel.draining', 'The tunnel has used up its stream numbers.');
    }
    const stream = new YamuxStream(this.#host, this.#nextId, false);
    this.#nextId += 2;
    this.#openedByUs += 1;
    this.#streams.set(stream.streamId, stream);
    this.#outbox.addControl(FrameType.WindowUpdate, Flag.Syn, stream.streamId, 0);
    return stream;
  }

  /** Tells the peer to open no more streams. The open ones go on. */
  goAway(): void {
    if (this.#goAwaySent || this.#ended) return;
    this.#goAwaySent = true;
    this.#outbox.addControl(FrameType.GoAway, 0, 0, GoAwayCode.Normal);
  }

  /** Ends the session and all its streams at once. */
  close(reason: TunnelClosed): void {
    this.#end(reason);
  }

  #windowContext(clock: Clock): WindowContext {
    const liveness = this.#liveness;
    return {
      budget: new WindowBudget(),
      get baseRttMs() {
        return liveness.baseRttMs;
      },
      nowMs: () => clock.monotonicMs(),
    };
  }

  #onMessage(bytes: Buffer): void {
    if (this.#ended) return;
    this.#liveness.heard();
    const fault = this.#decoder.push(bytes);
    if (fault !== undefined) this.#breachOfProtocol(fault);
  }

  #onHeader(header: FrameHeader): string | undefined {
    if (this.#ended) return undefined;
    switch (header.type) {
      case FrameType.Ping:
        return this.#onPing(header);
      case FrameType.GoAway:
        return this.#onGoAway(header.length);
      case FrameType.Data:
      case FrameType.WindowUpdate:
        return this.#onStreamFrame(header);
    }
  }

  #onPing(header: FrameHeader): string | undefined {
    if (!this.#limits.ping()) return 'too many pings';
    if ((header.flags & Flag.Ack) !== 0) this.#liveness.pong(header.length);
    else if ((header.flags & Flag.Syn) !== 0)
      this.#outbox.addControl(FrameType.Ping, Flag.Ack, 0, header.length);
    else return 'a ping that is neither request nor answer';
    return undefined;
  }

  #onGoAway(code: number): string | undefined {
    if (code === GoAwayCode.Normal) {
      this.#options.onGoAway();
      return undefined;
    }
    const why = code === GoAwayCode.ProtocolError ? 'a protocol error' : 'an error of its own';
    this.#end({ code: 'tunnel.refused_by_peer', message: `The other end gave up because of ${why}.` });
    return undefined;
  }

  #onStreamFrame(header: FrameHeader): string | undefined {
    this.#payloadStream = undefined;
    this.#finAfterPayload = false;
    if (!this.#limits.streamFrame(header)) return 'too many frames without content';
    if ((header.flags & Flag.Syn) !== 0) {
      const fault = this.#onSyn(header.streamId);
      if (fault !== undefined) return fault;
    }
    const stream = this.#streams.get(header.streamId);
    if (stream === undefined) return this.#onFrameOfEndedStream(header.streamId);
    if ((header.flags & Flag.Rst) !== 0) {
      stream.receiveReset();
      return undefined;
    }
    if ((header.flags & Flag.Ack) !== 0 && !stream.receiveAck() && !this.#limits.idleFrame())
      return 'too many frames without content';
    const isFin = (header.flags & Flag.Fin) !== 0;
    if (header.type === FrameType.Data && header.length > 0) {
      this.#payloadStream = stream;
      this.#finAfterPayload = isFin;
      return undefined;
    }
    const fault = header.type === FrameType.WindowUpdate ? stream.receiveCredit(header.length) : undefined;
    return fault ?? (isFin ? stream.receiveFin() : undefined);
  }

  #onSyn(streamId: number): string | undefined {
    if (streamId % 2 === this.#parity) return 'a stream number of the wrong parity';
    if (streamId <= this.#lastPeerId) return 'a stream number used twice';
    if (!this.#limits.syn()) return 'too many new streams';
    this.#lastPeerId = streamId;
    const full = this.#openedByPeer >= MAX_STREAMS_PER_DIRECTION;
    if (this.#goAwaySent || full || !this.#options.mayAccept()) {
      this.#outbox.addControl(FrameType.WindowUpdate, Flag.Rst, streamId, 0);
      return undefined;
    }
    const stream = new YamuxStream(this.#host, streamId, true);
    this.#openedByPeer += 1;
    this.#streams.set(streamId, stream);
    this.#outbox.addControl(FrameType.WindowUpdate, Flag.Ack, streamId, 0);
    this.#options.onStream(stream);
    return undefined;
  }

  /** Frames for a stream that has ended are on their way while it ends; frames for one that never was are a fault. */
  #onFrameOfEndedStream(streamId: number): string | undefined {
    const existed = streamId % 2 === this.#parity ? streamId < this.#nextId : streamId <= this.#lastPeerId;
    if (!existed) return 'a frame for a stream that was never opened';
    return this.#limits.idleFrame() ? undefined : 'too many frames for ended streams';
  }

  #onPayload(piece: Buffer, last: boolean): string | undefined {
    this.#receivedBytes += piece.length;
    const stream = this.#payloadStream;
    if (stream === undefined || stream.destroyed || this.#ended) return undefined;
    const fault = stream.receiveData(piece);
    if (fault !== undefined) return fault;
    return last && this.#finAfterPayload ? stream.receiveFin() : undefined;
  }

  #onStreamEnded(stream: YamuxStream): void {
    if (!this.#streams.delete(stream.streamId)) return;
    if (stream.streamId % 2 === this.#parity) this.#openedByUs -= 1;
    else this.#openedByPeer -= 1;
    this.#options.onStreamEnded(stream);
  }

  #breachOfProtocol(fault: string): void {
    if (this.#ended) return;
    this.#outbox.close({ type: FrameType.GoAway, length: GoAwayCode.ProtocolError });
    this.#end(
      { code: 'tunnel.protocol_error', message: `The other end broke the protocol: ${fault}.` },
      true,
    );
  }

  #end(reason: TunnelClosed, fault = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#liveness.stop();
    this.#outbox.close();
    for (const stream of [...this.#streams.values()]) stream.tunnelEnded(reason.message);
    this.#transport.close(reason, fault);
    this.#options.onEnd(reason);
  }
}
