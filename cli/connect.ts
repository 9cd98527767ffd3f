import { connectHost } from '../operator/connect.ts';
import { openHome } from '../operator/home.ts';
import { systemClock } from '../shared/clock.ts';
import { optimiseEarly } from '../shared/early-optimising.ts';
import { keepHeapRoom } from '../shared/heap-room.ts';
import { createTerminal, exitCodeOf, writeError } from './terminal.ts';

/** `connect` as the generated ssh configuration calls it. */
export interface PlainConnect {
  readonly host: string;
  readonly home?: string;
}

/**
 * Reads `[--home DIR] HOST`, which is what the generated ssh configuration writes.
 * @returns `undefined` for everything else: help, faults, other spellings are the whole command's
 */
export function readPlainConnect(args: readonly string[]): PlainConnect | undefined {
  const [first = '', dir = '', ...rest] = args;
  const [home, host, further] =
    first === '--home' ? [dir, rest[0] ?? '', rest.slice(1)] : [undefined, first, args.slice(1)];
  if (host === '' || host.startsWith('-') || home === '' || further.length > 0) return undefined;
  return home === undefined ? { host } : { host, home };
}

/** Joins this process's input and output to the host until the connection ends. @throws as `connectHost` */
export function connectProcess({ host, home }: PlainConnect, env: NodeJS.ProcessEnv): Promise<void> {
  optimiseEarly(systemClock);
  keepHeapRoom(systemClock);
  return connectHost({ home: openHome(home, env), env, host, input: process.stdin, output: process.stdout });
}

/** The whole of a plain `connect`, without the rest of the command. Gives its exit code. */
export async function runPlainConnect(plain: PlainConnect): Promise<number> {
  try {
    await connectProcess(plain, process.env);
    return 0;
  } catch (error) {
    writeError(createTerminal(process.stdout, process.stderr, process.env), error);
    return exitCodeOf(error);
  }
}
