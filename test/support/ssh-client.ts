import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSshKeyFile, fingerprintOf, loadSshKeyFile } from '../../shared/ssh/keys.ts';

/** How a stock client ended. */
export interface SshResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** Settings of {@link runSsh}. */
export interface RunOptions {
  /** Sent to standard input, which is closed behind it. Not given: standard input is empty. */
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Options that keep a client of this machine from reading or changing anything outside a test. */
export const ISOLATED: readonly string[] = [
  ['-F', 'none'],
  ['-o', 'StrictHostKeyChecking=no'],
  ['-o', 'UserKnownHostsFile=/dev/null'],
  ['-o', 'GlobalKnownHostsFile=/dev/null'],
  ['-o', 'IdentitiesOnly=yes'],
  ['-o', 'IdentityAgent=none'],
  ['-o', 'ConnectTimeout=10'],
  ['-o', 'LogLevel=ERROR'],
].flat();

/** Runs the stock `ssh` and waits for its end. It is killed (and this rejects) when it takes longer than the limit. */
export function runSsh(args: readonly string[], options: RunOptions = {}): Promise<SshResult> {
  return runProgram('ssh', args, options);
}

/** Like {@link runSsh} for another program (`scp`, `sftp`, …). */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<SshResult> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  const timeoutMs = options.timeoutMs ?? 20_000;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A client that is refused closes its standard input while we still write; its exit status is what counts.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  try {
    const [code, signal] = await ended(child);
    const text = Buffer.concat(stderr).toString();
    if (timedOut) throw new Error(`${program} ${args.join(' ')} took longer than ${timeoutMs} ms: ${text}`);
    const stdoutBytes = Buffer.concat(stdout);
    return { code, signal, stdout: stdoutBytes.toString(), stdoutBytes, stderr: text };
  } finally {
    clearTimeout(timer);
  }
}

async function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return [code, signal];
}

/** A client's key in a file. */
export interface TestKey {
  readonly path: string;
  readonly privateKey: string;
  readonly publicLine: string;
  readonly blob: Buffer;
  readonly fingerprint: string;
}

/** Makes an Ed25519 key pair `name` and `name.pub` in `dir`, fit for `ssh -i`. */
export async function createTestKey(dir: string, name = 'id_ed25519'): Promise<TestKey> {
  const path = join(dir, name);
  const publicLine = await createSshKeyFile(path, `${name}@test`);
  await writeFile(`${path}.pub`, `${publicLine}\n`);
  const { privateKey, blob } = await loadSshKeyFile(path);
  return { path, privateKey, publicLine, blob, fingerprint: fingerprintOf(blob) };
}
