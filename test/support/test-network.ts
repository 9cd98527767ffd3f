import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The address of the far end of a {@link TestNetwork}. */
export const FAR_ADDRESS = '10.213.77.2';

const TRIAL_TIMEOUT_MS = 3_000;

/** Two networks with a cable between them; the far one forgets the way back when it is told to. */
export interface TestNetwork {
  /** The name of the far network, for `ip netns exec`. */
  readonly far: string;
  readonly drop: () => void;
  readonly pass: () => void;
  readonly remove: () => void;
}

const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' }).status === 0;

function must(done: boolean): void {
  if (!done) throw new Error('the test network could not be made or changed');
}

/** Makes a {@link TestNetwork}; throws where the machine does not allow one. */
export function makeNetwork(): TestNetwork {
  const id = `db${process.pid % 10_000}`;
  const far = `${id}-far`;
  const remove = () => {
    ip('netns', 'del', far);
    ip('link', 'del', `${id}a`);
  };
  const made =
    ip('netns', 'add', far) &&
    ip('link', 'add', `${id}a`, 'type', 'veth', 'peer', 'name', `${id}b`) &&
    ip('link', 'set', `${id}b`, 'netns', far) &&
    ip('addr', 'add', '10.213.77.1/30', 'dev', `${id}a`) &&
    ip('link', 'set', `${id}a`, 'up') &&
    ip('-n', far, 'addr', 'add', `${FAR_ADDRESS}/30`, 'dev', `${id}b`) &&
    ip('-n', far, 'link', 'set', `${id}b`, 'up');
  if (!made) {
    remove();
    must(false);
  }
  return {
    far,
    drop: () => must(ip('-n', far, 'route', 'add', 'blackhole', '10.213.77.1/32')),
    pass: () => must(ip('-n', far, 'route', 'del', 'blackhole', '10.213.77.1/32')),
    remove,
  };
}

/** A listener in the far network that brings its connections to `port` here, by way of a UNIX socket. */
export async function startFarListener(
  network: string,
  port: number,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'drawbridge-far-'));
  const path = join(directory, 'way.sock');
  const sockets = new Set<Socket>();
  const bridge = createServer((socket) => {
    const target = connect(port, '127.0.0.1');
    for (const end of [socket, target]) {
      sockets.add(end);
      end.on('error', () => end.destroy());
    }
    socket.pipe(target).pipe(socket);
  });
  bridge.listen(path);
  await once(bridge, 'listening');
  const script = `
    const net = require('node:net');
    const server = net.createServer((c) => {
      const t = net.connect(process.argv[1]);
      for (const end of [c, t]) end.on('error', () => end.destroy());
      c.pipe(t).pipe(c);
    });
    server.listen(0, '${FAR_ADDRESS}', () => console.log(server.address().port));`;
  const far = spawn('ip', ['netns', 'exec', network, process.execPath, '-e', script, path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const close = async () => {
    far.kill('SIGKILL');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => bridge.close(resolve));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const [answer] = (await once(far.stdout, 'data', { signal: AbortSignal.timeout(TRIAL_TIMEOUT_MS) })) as [
      Buffer,
    ];
    return { port: Number(answer.toString()), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whether a byte comes back from here to the far network and, by its UNIX socket, here again. */
async function isPassable(network: TestNetwork): Promise<boolean> {
  const echo = createServer((socket) => socket.pipe(socket).on('error', () => socket.destroy()));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  try {
    const far = await startFarListener(network.far, (echo.address() as AddressInfo).port);
    const socket = connect({ host: FAR_ADDRESS, port: far.port });
    try {
      socket.write('x');
      await once(socket, 'data', { signal: AbortSignal.timeout(TRIAL_TIMEOUT_MS) });
      return true;
    } finally {
      socket.destroy();
      await far.close();
    }
  } catch {
    return false;
  } finally {
    echo.close();
  }
}

/**
 * Whether this machine lets a test make a network *and* lets a connection through it: some sandboxes make the first easy and
 * drop everything that does not stay on loopback. The note, for a test's title, says why it is skipped.
 */
export async function tryNetwork(): Promise<{ readonly works: boolean; readonly note: string }> {
  let network: TestNetwork;
  try {
    network = makeNetwork();
  } catch {
    return { works: false, note: ' (skipped: this machine does not let a test make networks)' };
  }
  try {
    const works = await isPassable(network);
    return {
      works,
      note: works ? '' : ' (skipped: this machine lets no connection through a network of the test’s own)',
    };
  } finally {
    network.remove();
  }
}
