import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { CONTROL_SOCKET } from '../role-config.ts';

/** The folders of a demo. */
export interface DemoLayout {
  readonly dir: string;
  /** True when the demo chose the folder itself, so that nobody waits for what is in it. */
  readonly temporary: boolean;
  readonly proxyDir: string;
  readonly bastionDir: string;
  readonly operatorDir: string;
  readonly logsDir: string;
  agentDir(host: string): string;
  readonly sshConfigPath: string;
  readonly documentPath: string;
}

/** The ports of a demo on loopback. */
export interface DemoPorts {
  readonly proxyHttps: number;
  readonly proxySsh: number;
  readonly bastionHttps: number;
}

/** Loopback, by number: a certificate and a configuration name it, and `localhost` may be IPv6 first. */
export const LOOPBACK = '127.0.0.1';

/** Longest path of a UNIX socket on Linux, without the closing zero; macOS has four less. */
const SOCKET_PATH_LIMIT_BYTES = 103;

/**
 * Makes the demo's folder, for its owner only, and says what goes where in it.
 * @throws `demo.dir_unusable`
 */
export async function createLayout(dirOption: string | undefined): Promise<DemoLayout> {
  const dir =
    dirOption === undefined
      ? await mkdtemp(join(tmpdir(), 'drawbridge-'))
      : await makeDir(resolve(dirOption));
  const layout: DemoLayout = {
    dir,
    temporary: dirOption === undefined,
    proxyDir: join(dir, 'proxy'),
    bastionDir: join(dir, 'bastion'),
    operatorDir: join(dir, 'operator'),
    logsDir: join(dir, 'logs'),
    agentDir: (host) => join(dir, 'agents', host),
    sshConfigPath: join(dir, 'ssh_config'),
    documentPath: join(dir, 'demo.json'),
  };
  await mkdir(layout.logsDir, { mode: 0o700 });
  return layout;
}

async function makeDir(dir: string): Promise<string> {
  const longest = Buffer.byteLength(join(dir, 'bastion', 'data', CONTROL_SOCKET));
  if (longest > SOCKET_PATH_LIMIT_BYTES) {
    throw new DrawbridgeError(
      'demo.dir_unusable',
      `The path ${dir} is too long for the control sockets in it.`,
      {
        hint: `Use one that is at least ${longest - SOCKET_PATH_LIMIT_BYTES} characters shorter.`,
      },
    );
  }
  if (/["\n\r]/.test(dir)) {
    throw new DrawbridgeError(
      'demo.dir_unusable',
      'An ssh configuration can hold no quotes or line breaks in a path.',
    );
  }
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    if ((await readdir(dir)).length === 0) return dir;
  } catch (error) {
    const code = systemCodeOf(error) ?? 'unknown';
    throw new DrawbridgeError('demo.dir_unusable', `The folder ${dir} can't be used (${code}).`, {
      cause: error,
    });
  }
  throw new DrawbridgeError('demo.dir_unusable', `The folder ${dir} is not empty.`, {
    hint: 'Remove it, or name another with --dir; a demo always starts anew.',
  });
}

/** Finds free ports. All are held until the last is found, so that they differ. */
export async function findFreePorts(): Promise<DemoPorts> {
  const servers = [createServer(), createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((found, reject) => {
          server.once('error', reject);
          server.listen(0, LOOPBACK, () => {
            const address = server.address();
            if (typeof address === 'object' && address !== null) found(address.port);
            else reject(new DrawbridgeError('demo.no_port', 'No free port was found on loopback.'));
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  const [proxyHttps = 0, proxySsh = 0, bastionHttps = 0] = ports;
  return { proxyHttps, proxySsh, bastionHttps };
}
