import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../clock.ts';
import type { SshChannel } from './channel.ts';
import { ChannelTable, DEFAULT_WINDOW_BYTES, type IncomingChannel } from './channel-table.ts';
import type { ChannelTarget } from './channel-target.ts';
import { DISCONNECT, MESSAGE } from './messages.ts';
import { attachPackets, type PacketPort } from './ssh2-internals.ts';
import { protocolFault, WireReader, WireWriter } from './wire.ts';
import { WriteBatch } from './write-batch.ts';

/** Data that may be parked in the transport's own buffer before channels have to wait. */
export const PARKED_HIGH_BYTES = 256 * 1024;

/**
 * Bytes that may wait for the peer in all. Answers can't wait for room as data does, so a peer that asks on and on and
 * reads nothing, or does not finish its key exchange, would fill the memory with them; it loses its connection.
 */
export const UNREAD_LIMIT_BYTES = 1024 * 1024;

/** Header, padding and tag of a packet, and what it costs in memory to hold one. */
const PACKET_COST_BYTES = 128;

/** Keys are renewed after so many bytes of both directions together, or so much time (RFC 4253, section 9). */
export const REKEY_BYTES = 1024 ** 3;
export const REKEY_MS = 60 * 60 * 1000;

/** A connection on which nothing was received for 3 keep-alive intervals is dead. */
export const KEEPALIVE_MS = 15_000;
const KEEPALIVES_MISSED = 3;

/** Global requests of a peer that may wait for their answers; one more ends the connection. */
const MAX_WAITING_GLOBAL_REQUESTS = 64;

/** A global request of the peer (RFC 4254, section 4): name and what stands behind `want reply`. */
export interface GlobalRequest {
  readonly name: string;
  readonly payload: Buffer;
}

/** Settings of {@link ConnectionProtocol}. */
export interface ConnectionProtocolOptions {
  readonly clock: Clock;
  /** Receive window of each channel; default {@link DEFAULT_WINDOW_BYTES}. */
  readonly windowBytes?: number;
  readonly rekeyBytes?: number;
  readonly rekeyMs?: number;
  readonly keepaliveMs?: number;
  onIncoming(incoming: IncomingChannel): void;
  /** Grants with `true` or with the payload of the answer. Not given: all are refused. */
  onGlobalRequest?(request: GlobalRequest): boolean | Buffer | Promise<boolean | Buffer>;
  /** The peer broke the rules, or is silent: the connection is to be destroyed. */
  onFault(error: unknown): void;
}

/** What ssh2's Client and its server's connections have in common. */
interface Ssh2Connection {
  on(event: 'handshake', listener: () => void): unknown;
}

/**
 * The connection protocol (RFC 4254) over one authenticated connection of ssh2: channels, global requests,
 * keep-alive and renewal of keys. The same for client and server.
 */
export class ConnectionProtocol {
  readonly channels: ChannelTable;
  readonly port: PacketPort;
  readonly #options: ConnectionProtocolOptions;
  readonly #stream: Duplex;
  readonly #globalAnswers: ((answer: Buffer | undefined) => void)[] = [];
  readonly #rekeyBytes: number;
  #timers: readonly Timer[] = [];
  #established = false;
  #ended = false;
  #bytesSinceKeys = 0;
  /** What waits in ssh2 for new keys. */
  #heldForKeysBytes = 0;
  #silentIntervals = 0;
  #waitingGlobalRequests = 0;
  #lastGlobalAnswer: Promise<void> = Promise.resolve();

  constructor(connection: Ssh2Connection & object, stream: Duplex, options: ConnectionProtocolOptions) {
    this.#options = options;
    this.#stream = stream;
    this.#rekeyBytes = options.rekeyBytes ?? REKEY_BYTES;
    this.port = attachPackets(connection, {
      onPacket: (type, payload) => this.#receive(type, payload),
      onFault: (error) => options.onFault(error),
      onReceived: (sizeBytes) => {
        this.#silentIntervals = 0;
        this.#countBytes(sizeBytes);
      },
    });
    const protocol = this;
    const batch = new WriteBatch(stream);
    this.channels = new ChannelTable({
      transport: {
        send: (payload) => {
          batch.begin();
          this.#send(payload);
        },
        sendData: (remoteId, dataStream, chunk) => {
          this.#countBytes(chunk.length);
          batch.begin();
          this.port.sendData(remoteId, dataStream, chunk);
        },
        get congested() {
          return protocol.#congested;
        },
        fail: (error) => options.onFault(error),
      },
      windowBytes: options.windowBytes ?? DEFAULT_WINDOW_BYTES,
      onIncoming: options.onIncoming,
    });
    stream.on('drain', () => this.channels.pump());
    connection.on('handshake', () => {
      this.#bytesSinceKeys = 0;
      this.#heldForKeysBytes = 0;
      this.channels.pump();
    });
  }

  /** Authentication has succeeded: from now on packets of the connection protocol are allowed. */
  establish(): void {
    this.#established = true;
    const { clock, rekeyMs = REKEY_MS, keepaliveMs = KEEPALIVE_MS } = this.#options;
    this.#timers = [
      clock.every(rekeyMs, () => this.port.rekey()),
      clock.every(keepaliveMs, () => this.#keepAlive()),
    ];
  }

  /** Opens a channel; see {@link ChannelTable.open}. */
  open(target: ChannelTarget, signal?: AbortSignal): Promise<SshChannel> {
    return this.channels.open(target, signal);
  }

  /** Sends a global request. Resolves with the payload of the answer, or undefined when it was refused. */
  globalRequest(name: string, payload: Buffer = Buffer.alloc(0)): Promise<Buffer | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    const message = new WireWriter().byte(MESSAGE.GLOBAL_REQUEST).string(name).boolean(true);
    this.#send(message.raw(payload).finish());
    return new Promise((resolve) => this.#globalAnswers.push(resolve));
  }

  /** The transport has ended. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) timer.cancel();
    for (const answer of this.#globalAnswers.splice(0)) answer(undefined);
    this.channels.end();
  }

  get #congested(): boolean {
    return (
      this.port.exchangingKeys ||
      (this.#stream.writableNeedDrain && this.#stream.writableLength >= PARKED_HIGH_BYTES)
    );
  }

  /** Sends a packet that waits for no room. */
  #send(payload: Buffer): void {
    if (this.#ended) return;
    if (this.port.exchangingKeys) this.#heldForKeysBytes += payload.length + PACKET_COST_BYTES;
    if (this.#stream.writableLength + this.#heldForKeysBytes <= UNREAD_LIMIT_BYTES) this.port.send(payload);
    else this.#options.onFault(protocolFault('The SSH peer asks on and on and takes no answers.'));
  }

  #countBytes(sizeBytes: number): void {
    this.#bytesSinceKeys += sizeBytes;
    if (this.#bytesSinceKeys < this.#rekeyBytes || !this.#established || this.port.exchangingKeys) return;
    this.#bytesSinceKeys = 0;
    this.port.rekey();
  }

  #keepAlive(): void {
    this.#silentIntervals += 1;
    if (this.#silentIntervals > KEEPALIVES_MISSED) {
      this.port.sendDisconnect(DISCONNECT.CONNECTION_LOST, 'Nothing was heard for too long.');
      this.#options.onFault(protocolFault('The SSH peer has been silent for too long.'));
      return;
    }
    if (this.#globalAnswers.length < MAX_WAITING_GLOBAL_REQUESTS)
      void this.globalRequest('keepalive@openssh.com');
  }

  #receive(type: number, payload: Buffer): void {
    if (this.#ended) return;
    if (!this.#established) throw protocolFault('A channel was asked for before authentication.');
    if (type >= MESSAGE.CHANNEL_OPEN) {
      this.channels.receive(type, payload);
      return;
    }
    if (type === MESSAGE.GLOBAL_REQUEST) {
      this.#receiveGlobalRequest(new WireReader(payload, 1));
      return;
    }
    this.#globalAnswers.shift()?.(type === MESSAGE.REQUEST_SUCCESS ? payload.subarray(1) : undefined);
  }

  #receiveGlobalRequest(reader: WireReader): void {
    const request = { name: reader.text(), wantReply: reader.boolean(), payload: reader.rest() };
    if (this.#waitingGlobalRequests >= MAX_WAITING_GLOBAL_REQUESTS)
      throw protocolFault('Too many global requests wait for an answer.');
    this.#waitingGlobalRequests += 1;
    // Answers carry no number: they have to leave in the order of the requests, however long each one takes.
    this.#lastGlobalAnswer = this.#lastGlobalAnswer.then(async () => {
      const answer = await this.#decideGlobalRequest(request);
      this.#waitingGlobalRequests -= 1;
      if (!request.wantReply || this.#ended) return;
      const writer = new WireWriter();
      if (answer === false) writer.byte(MESSAGE.REQUEST_FAILURE);
      else writer.byte(MESSAGE.REQUEST_SUCCESS).raw(answer === true ? Buffer.alloc(0) : answer);
      this.#send(writer.finish());
    });
  }

  async #decideGlobalRequest(request: GlobalRequest): Promise<boolean | Buffer> {
    try {
      return (await this.#options.onGlobalRequest?.(request)) ?? false;
    } catch {
      // Whoever decides says why in its own log; to the peer a fault of ours is a refusal.
      return false;
    }
  }
}
