import type { ChannelRequest } from './channel-request.ts';
import type { DataStream } from './ordered-queue.ts';

/** What the owner of a channel wants to hear. All calls come in the order of the wire. */
export interface ChannelHandlers {
  /**
   * Data of the peer. It counts against the receive window until {@link SshChannel.consumed} was called for it.
   * Not given: data, and what comes behind it, waits until somebody attaches who takes it.
   */
  onData?(chunk: Buffer, stream: DataStream): void;
  /** The peer will send no more data; requests may still come. */
  onEof?(): void;
  /**
   * A request of the peer. `true` grants, `false` (or a rejection) refuses; nothing that came behind it is handed
   * out before it is decided. Not given: refused.
   */
  onRequest?(request: ChannelRequest): boolean | Promise<boolean>;
  /** After `write` has said false: there is room again. */
  onDrain?(): void;
  /**
   * The peer has closed a channel on which data had ended both ways. True: it stays until we close it, for an exit
   * status that is still to come. OpenSSH's multiplexing master closes that early and goes on listening; its own server
   * answers so, too. Not given: it is gone at once.
   */
  awaitsExit?(): boolean;
  /** The channel is gone: closed by both sides, or its connection ended. Called exactly once. */
  onClosed?(): void;
}

/** What a channel needs from its connection. */
export interface ChannelTransport {
  send(payload: Buffer): void;
  sendData(remoteId: number, stream: DataStream, chunk: Buffer): void;
  /** True while no bulk data may be sent: the transport is full or keys are being exchanged. */
  readonly congested: boolean;
  /** Ends the connection for a fault of the peer. */
  fail(error: unknown): void;
  /** Forgets the channel; its id is free from now on. */
  remove(localId: number): void;
}

/** Numbers that were agreed on when the channel was opened. */
export interface ChannelNumbers {
  readonly localId: number;
  readonly remoteId: number;
  readonly receiveWindowBytes: number;
  readonly sendWindowBytes: number;
  readonly sendPacketBytes: number;
}
