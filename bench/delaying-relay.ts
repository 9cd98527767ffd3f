import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What path a {@link startDelayingRelay} stands for. */
export interface Path {
  /** One way. */
  readonly delayMs: number;
  /** Bytes per second and direction. */
  readonly bytesPerSecond: number;
}

interface Delayed {
  readonly dueMs: number;
  readonly chunk: Buffer;
}

/** How often what is due is sent on. */
const TICK_MS = 1;

/** Time for which the path takes bytes ahead of its rate, like the queue of a router. */
const QUEUE_MS = 20;

/**
 * A TCP relay on loopback that holds each byte back as a long path would. For machines on which the kernel can't do that
 * (netem is a module that many kernels don't have).
 * @returns the port to connect to instead of `targetPort`, and how to stop
 */
export async function startDelayingRelay(
  targetPort: number,
  path: Path,
): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    delay(client, target, path);
    delay(target, client, path);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function delay(from: Socket, to: Socket, { delayMs, bytesPerSecond }: Path): void {
  const line: Delayed[] = [];
  let sentUpToMs = 0;
  const ticks = setInterval(() => {
    const nowMs = performance.now();
    while ((line[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
      const next = line.shift();
      if (next !== undefined) to.write(next.chunk);
    }
    if (from.isPaused() && sentUpToMs < nowMs + QUEUE_MS / 2) from.resume();
    if (line.length === 0 && from.readableEnded) to.end();
  }, TICK_MS);
  from.on('data', (chunk) => {
    const nowMs = performance.now();
    sentUpToMs = Math.max(sentUpToMs, nowMs) + (chunk.length / bytesPerSecond) * 1000;
    line.push({ dueMs: sentUpToMs + delayMs, chunk });
    if (sentUpToMs > nowMs + QUEUE_MS) from.pause();
  });
  from.once('close', () => {
    if (!from.readableEnded) to.destroy();
  });
  to.once('close', () => clearInterval(ticks));
}
