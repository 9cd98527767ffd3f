import { spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';
import type { OperatorHome } from './home.ts';
import type { ReachableHost } from './hosts.ts';
import { LineSplitter } from './line-splitter.ts';

/** Output of one host and stream that a result keeps; what comes behind it is only shown, not kept. */
export const KEPT_OUTPUT_LIMIT_CHARACTERS = 1024 * 1024;

/** How long an ssh client that was told to end may take. */
const KILL_AFTER_MS = 5_000;

/** What one host made of the command. */
export interface HostResult {
  readonly host: string;
  readonly outcome: 'done' | 'failed' | 'unreachable' | 'timed_out' | 'cancelled' | 'offline';
  /** The command's own, when there is one. */
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether output is missing in `stdout` or `stderr` because there was too much. */
  readonly truncated: boolean;
  readonly durationMs: number;
}

/** Settings of {@link runOnHosts}. */
export interface ExecOptions {
  readonly home: OperatorHome;
  readonly hosts: readonly ReachableHost[];
  /** One word for the remote shell, as ssh sends it. */
  readonly command: string;
  /** UNIX account; without it, the one that ssh's configuration names. */
  readonly login?: string;
  /** Hosts at once. */
  readonly parallel: number;
  /** A host that takes longer is given up. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  /** Every line of output, as it comes. */
  onLine?(host: string, stream: 'stdout' | 'stderr', line: string): void;
  onResult?(result: HostResult): void;
}

/** Exit code with which ssh says that it never got as far as the command. */
const SSH_FAILED = 255;

/**
 * Runs one command on many hosts with the stock ssh client, each a session of its own under the customer's policy.
 * Hosts that are offline are not tried.
 *
 * @returns a result per host, in the order of the hosts
 * @throws `ssh.missing`
 */
export async function runOnHosts(options: ExecOptions): Promise<readonly HostResult[]> {
  const results = new Map<string, HostResult>();
  const waiting = [...options.hosts];
  // Each host listens while it runs: with more than ten at once, Node.js would warn the operator of a leak.
  const signal = AbortSignal.any([options.signal]);
  setMaxListeners(0, signal);
  const work = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      const result = await runOnHost(host, { ...options, signal });
      results.set(host.name, result);
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.parallel, options.hosts.length) }, work));
  return options.hosts.flatMap((host) => results.get(host.name) ?? []);
}

async function runOnHost(host: ReachableHost, options: ExecOptions): Promise<HostResult> {
  const nothing = { host: host.name, stdout: '', stderr: '', truncated: false, durationMs: 0 };
  if (options.signal.aborted) return { ...nothing, outcome: 'cancelled' };
  if (!host.online) return { ...nothing, outcome: 'offline' };
  const startMs = performance.now();
  const where = options.login === undefined ? host.name : `${options.login}@${host.name}`;
  const child = spawn(
    'ssh',
    [
      '-F',
      options.home.sshConfigPath,
      '-T',
      '-o',
      'BatchMode=yes',
      '-o',
      'LogLevel=ERROR',
      '--',
      where,
      options.command,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const stdout = new KeptOutput((line) => options.onLine?.(host.name, 'stdout', line));
  const stderr = new KeptOutput((line) => options.onLine?.(host.name, 'stderr', line));
  child.stdout.on('data', (bytes: Buffer) => stdout.write(bytes));
  child.stderr.on('data', (bytes: Buffer) => stderr.write(bytes));

  let gaveUp: 'timed_out' | 'cancelled' | undefined;
  let killing: NodeJS.Timeout | undefined;
  const giveUp = (why: 'timed_out' | 'cancelled'): void => {
    gaveUp ??= why;
    child.kill('SIGTERM');
    killing ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  const cancel = (): void => giveUp('cancelled');
  options.signal.addEventListener('abort', cancel, { once: true });
  const timer =
    options.timeoutMs === undefined ? undefined : setTimeout(() => giveUp('timed_out'), options.timeoutMs);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    stdout.end();
    stderr.end();
    return {
      host: host.name,
      outcome: gaveUp ?? outcomeOf(code),
      ...(gaveUp === undefined && code !== null && code !== SSH_FAILED ? { exitCode: code } : {}),
      stdout: stdout.text,
      stderr: stderr.text,
      truncated: stdout.truncated || stderr.truncated,
      durationMs: Math.round(performance.now() - startMs),
    };
  } catch (error) {
    throw missingClient(error);
  } finally {
    options.signal.removeEventListener('abort', cancel);
    clearTimeout(timer);
    clearTimeout(killing);
  }
}

function outcomeOf(code: number | null): HostResult['outcome'] {
  if (code === 0) return 'done';
  return code === SSH_FAILED || code === null ? 'unreachable' : 'failed';
}

function missingClient(error: unknown): unknown {
  if (systemCodeOf(error) !== 'ENOENT') return error;
  return new DrawbridgeError('ssh.missing', 'There is no ssh client on this machine.', {
    hint: 'Install the OpenSSH client (on Debian and Ubuntu: apt install openssh-client).',
    cause: error,
  });
}

/** Output that is shown line by line and kept up to a limit. */
class KeptOutput {
  readonly #splitter: LineSplitter;
  text = '';
  truncated = false;

  constructor(onLine: (line: string) => void) {
    this.#splitter = new LineSplitter((line) => {
      onLine(line);
      if (this.text.length + line.length + 1 > KEPT_OUTPUT_LIMIT_CHARACTERS) this.truncated = true;
      else if (!this.truncated) this.text += `${line}\n`;
    });
  }

  write(bytes: Buffer): void {
    this.#splitter.write(bytes);
  }

  end(): void {
    this.#splitter.end();
  }
}
