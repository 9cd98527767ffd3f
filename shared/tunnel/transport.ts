import type { TunnelClosed } from './tunnel.ts';

/** What a session wants to hear from its transport. Nothing is called after `onClose`. */
export interface TransportHandlers {
  onMessage(bytes: Buffer): void;
  /** Something that was handed over has been taken by the network. */
  onDrain(): void;
  onClose(reason: TunnelClosed): void;
}

/** A reliable, ordered way for messages, as a yamux session needs it. */
export interface Transport {
  /** Bytes handed over and not yet taken by the network. */
  readonly parkedBytes: number;
  /** From now on events go to `handlers`; what came before is handed over first. Called once. */
  start(handlers: TransportHandlers): void;
  /** Hands over one message, given in pieces of `bytes` in all. */
  send(pieces: readonly Buffer[], bytes: number): void;
  /** Ends the connection: in order if the peer answers soon, else by force. `fault` for a peer that broke the rules. */
  close(reason: TunnelClosed, fault: boolean): void;
}

/** A transport over a connection that takes its time to close. */
export interface DialledTransport extends Transport {
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
}
