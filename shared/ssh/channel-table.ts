import { DrawbridgeError } from '../errors.ts';
import { MAX_PACKET_DATA_BYTES, SshChannel } from './channel.ts';
import type { ChannelTransport } from './channel-handlers.ts';
import { type ChannelTarget, decodeChannelTarget, encodeChannelTarget } from './channel-target.ts';
import { MESSAGE, OPEN_FAILURE } from './messages.ts';
import { protocolFault, WireReader, WireWriter } from './wire.ts';

/** Channels that may be open, or undecided, in one connection; one more is refused. */
export const MAX_CHANNELS = 512;

/** Receive window of a channel unless told otherwise; the same as OpenSSH's. */
export const DEFAULT_WINDOW_BYTES = 2 * 1024 * 1024;

/** Longest refusal text that is sent; clients print it on one line. */
const MAX_REFUSAL_CHARACTERS = 500;

/** A channel that the peer wants to open. Call exactly one of `accept` and `refuse`, now or later. */
export interface IncomingChannel<T extends ChannelTarget = ChannelTarget> {
  readonly target: T;
  /** Grants it. The channel holds what arrives until somebody attaches. */
  accept(): SshChannel;
  /** Refuses it; stock clients print the sentence. `reason`: RFC 4254, section 5.1; default 'prohibited'. */
  refuse(sentence: string, reason?: number): void;
  /** Aborted when the connection went away before it was decided. */
  readonly signal: AbortSignal;
}

interface PendingOpen {
  readonly type: string;
  resolve(channel: SshChannel): void;
  reject(error: Error): void;
  abandoned: boolean;
}

type Slot =
  | { readonly kind: 'open'; readonly channel: SshChannel }
  | { readonly kind: 'opening'; readonly pending: PendingOpen }
  | { readonly kind: 'undecided' };

const REFUSAL_CODES: Readonly<Record<number, string>> = {
  [OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED]: 'ssh.channel_prohibited',
  [OPEN_FAILURE.CONNECT_FAILED]: 'ssh.channel_connect_failed',
  [OPEN_FAILURE.UNKNOWN_CHANNEL_TYPE]: 'ssh.channel_unknown',
  [OPEN_FAILURE.RESOURCE_SHORTAGE]: 'ssh.channel_shortage',
};

/** The channels of one connection: opening from both sides, and handing each message to its channel. */
export class ChannelTable {
  readonly #slots = new Map<number, Slot>();
  readonly #transport: ChannelTransport;
  readonly #windowBytes: number;
  readonly #onIncoming: (incoming: IncomingChannel) => void;
  readonly #ended = new AbortController();
  #lastId = -1;

  constructor(options: {
    transport: Omit<ChannelTransport, 'remove'>;
    windowBytes: number;
    onIncoming(incoming: IncomingChannel): void;
  }) {
    const { transport } = options;
    this.#transport = {
      send: (payload) => transport.send(payload),
      sendData: (remoteId, stream, chunk) => transport.sendData(remoteId, stream, chunk),
      get congested() {
        return transport.congested;
      },
      fail: (error) => transport.fail(error),
      remove: (localId) => this.#slots.delete(localId),
    };
    this.#windowBytes = options.windowBytes;
    this.#onIncoming = options.onIncoming;
  }

  /** Channels that are open, being opened or undecided. */
  get size(): number {
    return this.#slots.size;
  }

  /**
   * Opens a channel to the peer.
   * @throws `ssh.channel_prohibited`, `ssh.channel_connect_failed`, `ssh.channel_unknown`, `ssh.channel_shortage`
   * with the peer's text, `ssh.closed` when the connection ends, or the signal's reason.
   */
  open(target: ChannelTarget, signal?: AbortSignal): Promise<SshChannel> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#ended.signal.aborted) return reject(closedError());
      if (this.#slots.size >= MAX_CHANNELS)
        return reject(new DrawbridgeError('ssh.channel_shortage', 'Too many SSH channels are open.'));
      const localId = this.#freeId();
      const { type, payload } = encodeChannelTarget(target);
      const onAbort = (): void => {
        pending.abandoned = true;
        reject(signal?.reason);
      };
      const pending: PendingOpen = {
        type,
        abandoned: false,
        resolve: (channel) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(channel);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#slots.set(localId, { kind: 'opening', pending });
      const message = new WireWriter().byte(MESSAGE.CHANNEL_OPEN).string(type).uint32(localId);
      this.#transport.send(
        message.uint32(this.#windowBytes).uint32(MAX_PACKET_DATA_BYTES).raw(payload).finish(),
      );
    });
  }

  /** Takes one message with a number from CHANNEL_OPEN to CHANNEL_FAILURE. @throws `ssh.protocol`. */
  receive(type: number, payload: Buffer): void {
    const reader = new WireReader(payload, 1);
    if (type === MESSAGE.CHANNEL_OPEN) {
      this.#receiveOpen(reader);
      return;
    }
    const localId = reader.uint32();
    const slot = this.#slots.get(localId);
    if (slot?.kind === 'open') {
      slot.channel.receive(type, reader);
      return;
    }
    if (slot?.kind === 'opening') {
      this.#receiveAnswer(type, localId, slot.pending, reader);
      return;
    }
    throw protocolFault('A message was sent to an SSH channel that is not open.');
  }

  /**
   * Lets every channel send on; called when the transport has room. Whoever takes the last of it comes last next time, so
   * that a terminal does not wait behind a transfer.
   */
  pump(): void {
    for (const [localId, slot] of [...this.#slots]) {
      if (this.#transport.congested) return;
      if (slot.kind !== 'open') continue;
      slot.channel.pump();
      if (!this.#transport.congested || !this.#slots.delete(localId)) continue;
      this.#slots.set(localId, slot);
    }
  }

  /** The connection has ended: every channel is gone, every open is rejected. */
  end(): void {
    this.#ended.abort();
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    for (const slot of slots) {
      if (slot.kind === 'open') slot.channel.release();
      else if (slot.kind === 'opening') slot.pending.reject(closedError());
    }
  }

  #receiveOpen(reader: WireReader): void {
    const type = reader.text();
    const remoteId = reader.uint32();
    const sendWindowBytes = reader.uint32();
    const sendPacketBytes = Math.min(reader.uint32(), MAX_PACKET_DATA_BYTES);
    const target = decodeChannelTarget(type, reader);
    if (sendPacketBytes === 0) throw protocolFault('A channel was opened that takes no data.');
    if (this.#slots.size >= MAX_CHANNELS) {
      this.#refuse(
        remoteId,
        'Too many channels are open in this connection.',
        OPEN_FAILURE.RESOURCE_SHORTAGE,
      );
      return;
    }
    const localId = this.#freeId();
    this.#slots.set(localId, { kind: 'undecided' });
    this.#onIncoming({
      target,
      signal: this.#ended.signal,
      accept: () => {
        const receiveWindowBytes = this.#windowBytes;
        const numbers = { localId, remoteId, receiveWindowBytes, sendWindowBytes, sendPacketBytes };
        const channel = new SshChannel(type, numbers, this.#transport);
        if (this.#ended.signal.aborted) {
          channel.release();
          return channel;
        }
        if (this.#slots.get(localId)?.kind !== 'undecided')
          throw new Error('The channel was answered already.');
        this.#slots.set(localId, { kind: 'open', channel });
        const message = new WireWriter().byte(MESSAGE.CHANNEL_OPEN_CONFIRMATION).uint32(remoteId);
        message.uint32(localId).uint32(receiveWindowBytes).uint32(MAX_PACKET_DATA_BYTES);
        this.#transport.send(message.finish());
        return channel;
      },
      refuse: (sentence, reason = OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED) => {
        if (this.#ended.signal.aborted || this.#slots.get(localId)?.kind !== 'undecided') return;
        this.#slots.delete(localId);
        this.#refuse(remoteId, sentence, reason);
      },
    });
  }

  #refuse(remoteId: number, sentence: string, reason: number): void {
    const message = new WireWriter().byte(MESSAGE.CHANNEL_OPEN_FAILURE).uint32(remoteId).uint32(reason);
    this.#transport.send(message.string(sentence.slice(0, MAX_REFUSAL_CHARACTERS)).string('').finish());
  }

  #receiveAnswer(type: number, localId: number, pending: PendingOpen, reader: WireReader): void {
    if (type === MESSAGE.CHANNEL_OPEN_FAILURE) {
      const reason = reader.uint32();
      const text = reader.text().slice(0, MAX_REFUSAL_CHARACTERS);
      this.#slots.delete(localId);
      const code = REFUSAL_CODES[reason] ?? 'ssh.channel_prohibited';
      pending.reject(new DrawbridgeError(code, text === '' ? 'The SSH server refused the channel.' : text));
      return;
    }
    if (type !== MESSAGE.CHANNEL_OPEN_CONFIRMATION)
      throw protocolFault('A message was sent to an SSH channel that is not open yet.');
    const remoteId = reader.uint32();
    const sendWindowBytes = reader.uint32();
    const sendPacketBytes = Math.min(reader.uint32(), MAX_PACKET_DATA_BYTES);
    if (sendPacketBytes === 0) throw protocolFault('A channel was opened that takes no data.');
    const receiveWindowBytes = this.#windowBytes;
    const numbers = { localId, remoteId, receiveWindowBytes, sendWindowBytes, sendPacketBytes };
    const channel = new SshChannel(pending.type, numbers, this.#transport);
    this.#slots.set(localId, { kind: 'open', channel });
    if (pending.abandoned) channel.destroy();
    else pending.resolve(channel);
  }

  #freeId(): number {
    do {
      this.#lastId = (this.#lastId + 1) % 0x7fff_ffff;
    } while (this.#slots.has(this.#lastId));
    return this.#lastId;
  }
}

function closedError(): DrawbridgeError {
  return new DrawbridgeError('ssh.closed', 'The SSH connection has ended.');
}
