import { readFile } from 'node:fs/promises';
import { dialHost } from '../operator/connect.ts';
import { openHome } from '../operator/home.ts';
import type { SshChannel } from '../shared/ssh/channel.ts';
import { connectSsh } from '../shared/ssh/client-connection.ts';

const CONNECT_TIMEOUT_MS = 60_000;

/** Where a session without a stock client goes. */
export interface LightPlace {
  /** Folder of the login that it uses. */
  readonly home: string;
  readonly host: string;
  readonly login: string;
}

/** A session channel over wss with nothing started in it: what `ssh` does, without a process for it. */
export async function openLightSession({ home: dir, host, login }: LightPlace): Promise<SshChannel> {
  const home = openHome(dir, process.env);
  const stream = await dialHost({ home, env: process.env, host });
  const connection = await connectSsh(stream, {
    username: login,
    privateKey: await readFile(home.keyPath, 'utf8'),
    verifyHostKey: () => true,
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  return connection.openSession();
}

/** Does `work` for each of `items`, so many at a time. */
export async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
