import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP relay whose moods the test decides. */
export interface TcpRelay {
  readonly port: number;
  /** Where new connections go. */
  target: number;
  /** How many connections were taken. */
  readonly taken: number;
  /** Passes nothing any more, in either direction, and tells nobody. */
  mute(): void;
  /** Passes again, also what was held back. */
  unmute(): void;
  /** Leaves what is there muted for good, like a path that was taken away; new connections are served. */
  abandon(): void;
  /** Resets the connections to the target and keeps those of the clients open. */
  halfOpen(): void;
}

/** Starts a relay on loopback for the running test. */
export async function startTcpRelay(target: number): Promise<TcpRelay> {
  let pairs: { client: Socket; server: Socket }[] = [];
  const all = new Set<Socket>();
  let muted = false;
  let taken = 0;
  const listener = createServer({ noDelay: true }, (client) => {
    taken += 1;
    const server = connect({ port: relay.target, host: '127.0.0.1', noDelay: true });
    const pair = { client, server };
    pairs.push(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      all.add(from);
      from.on('error', () => from.destroy());
      from.on('data', (chunk) => to.write(chunk));
      from.once('close', () => {
        all.delete(from);
        if (pairs.includes(pair)) to.destroy();
      });
    }
    if (muted) for (const socket of [client, server]) socket.pause();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(async () => {
    pairs = [];
    for (const socket of all) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  });
  const eachSocket = (run: (socket: Socket) => void) => {
    for (const { client, server } of pairs) for (const socket of [client, server]) run(socket);
  };
  const relay: TcpRelay = {
    port: (listener.address() as AddressInfo).port,
    target,
    get taken() {
      return taken;
    },
    mute() {
      muted = true;
      eachSocket((socket) => socket.pause());
    },
    unmute() {
      muted = false;
      eachSocket((socket) => socket.resume());
    },
    abandon() {
      eachSocket((socket) => socket.pause());
      pairs = [];
    },
    halfOpen() {
      const cut = pairs;
      pairs = [];
      for (const { server } of cut) server.resetAndDestroy();
    },
  };
  return relay;
}
