import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import type { IncomingStream } from '../../shared/tunnel/tunnel.ts';

/** How long the host's SSH server may take to accept a connection. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Leads streams to the SSH server of the host, byte by byte, each half closed on its own. */
export class SshdRelay {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();

  constructor(address: { readonly host: string; readonly port: number }, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Connects, then answers the stream: accepted, or refused with what is wrong. */
  serve(incoming: IncomingStream): Promise<void> {
    const { host, port } = this.#address;
    return new Promise((resolve) => {
      const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
      this.#sockets.add(socket);
      let answered = false;
      const refuse = (why: string): void => {
        if (answered) return;
        answered = true;
        socket.destroy();
        if (!incoming.signal.aborted) {
          const hint = 'Check on the host that sshd runs, and sshd: in agent.yaml.';
          incoming.refuse('agent.sshd_unreachable', `The host's SSH server at ${host}:${port} ${why}.`, hint);
        }
        resolve();
      };
      const timer = this.#clock.after(CONNECT_TIMEOUT_MS, () => refuse('did not answer in time'));
      socket.on('error', (error) => refuse(`can't be reached (${error.message})`));
      socket.on('close', () => {
        timer.cancel();
        this.#sockets.delete(socket);
      });
      incoming.signal.addEventListener('abort', () => refuse('was not waited for'), { once: true });
      socket.once('connect', () => {
        timer.cancel();
        if (answered) return;
        answered = true;
        const stream = incoming.accept();
        // Two pipelines, so that the end of one direction leaves the other open; a fault of either ends both.
        const cut = (error: unknown): void => {
          if (error === undefined || error === null) return;
          socket.destroy();
          stream.destroy();
        };
        pipeline(stream, socket, cut);
        pipeline(socket, stream, cut);
        resolve();
      });
    });
  }

  /** Cuts every connection. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
