import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from './free-port.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

/** Runs a real tinyproxy with basic auth for the running test. Only CONNECT to `targets` is allowed. */
export async function startTinyproxy(options: {
  readonly username: string;
  readonly password: string;
  readonly targets: readonly number[];
}): Promise<number> {
  const port = await freePort();
  const config = join(temporaryDirectory(), 'tinyproxy.conf');
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 60',
    'LogLevel Critical',
    'MaxClients 20',
    'Allow 127.0.0.1',
    `BasicAuth ${options.username} ${options.password}`,
    ...options.targets.map((target) => `ConnectPort ${target}`),
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin`;
  const child = spawn('tinyproxy', ['-d', '-c', config], {
    stdio: 'ignore',
    env: { ...process.env, PATH: path },
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await waitFor(() => listens(port), { what: 'tinyproxy' });
  return port;
}
