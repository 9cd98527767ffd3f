import type { Transport, TransportHandlers } from '../../shared/tunnel/transport.ts';
import type { TunnelClosed } from '../../shared/tunnel/tunnel.ts';

/** A transport in memory whose other end is the test: it sees what is sent and says what comes. */
export class MemoryTransport implements Transport {
  readonly sent: Buffer[] = [];
  closedWith: { reason: TunnelClosed; fault: boolean } | undefined;
  /** While true, nothing that is sent is taken by the network. */
  stalled = false;
  /** Called with each message sent. */
  onSent: ((message: Buffer) => void) | undefined;
  #handlers: TransportHandlers | undefined;
  #parkedBytes = 0;

  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  start(handlers: TransportHandlers): void {
    this.#handlers = handlers;
  }

  send(pieces: readonly Buffer[], bytes: number): void {
    const message = Buffer.concat(pieces, bytes);
    this.sent.push(message);
    this.#parkedBytes += bytes;
    setImmediate(() => {
      if (this.stalled) return;
      this.#parkedBytes -= bytes;
      this.onSent?.(message);
      this.#handlers?.onDrain();
    });
  }

  close(reason: TunnelClosed, fault: boolean): void {
    this.closedWith = { reason, fault };
  }

  /** Bytes come from the other end. */
  receive(bytes: Buffer): void {
    this.#handlers?.onMessage(bytes);
  }

  /** The connection is gone. */
  lose(reason: TunnelClosed): void {
    this.#handlers?.onClose(reason);
  }
}
