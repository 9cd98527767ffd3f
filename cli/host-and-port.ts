import { InvalidArgumentError } from 'commander';
import { portNumber } from './cli.ts';

/** An option's parser for `127.0.0.1:22`, `db.internal:22` and `[::1]:22`. */
export function hostAndPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]+)):(\d+)$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw new InvalidArgumentError('It must look like HOST:PORT.');
  return { host, port: portNumber(match?.[3] ?? '') };
}
