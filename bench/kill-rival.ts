import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type HostProgramEnd, HostPrograms } from './kill-host-programs.ts';
import { startOpenSshChain } from './openssh-chain.ts';

/** So many clients sign in at the same time; more make a busy machine slower at it. */
const AT_ONCE = 8;
/** No jump before the tunnel's port, and a line on standard error once signed in. */
const AT_ONCE_AND_TOLD = [
  ...['-o', 'ProxyJump=none', '-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo ready >&2'],
];
const START_LIMIT_MS = 180_000;
const POLL_MS = 50;
/** How long is watched for anything that still moves afterwards. */
const WATCH_MS = 4_000;

export interface KillRivalOptions {
  readonly sessions: number;
  readonly modeOf: (number: number) => 'flood' | 'listen';
  readonly beatMs: number;
  readonly runMs: number;
  /** Called when all children have been started and the end is next. */
  observeFirst(): void;
}

/** What a customer without Drawbridge sees who ends everything: times since the kill, in milliseconds. */
export interface KillRivalReport {
  /** Of the clients whose session flooded. */
  readonly lastAtClientMs: readonly number[];
  readonly hungUpMs: readonly number[];
  readonly inputMs: readonly number[];
}

interface RivalClient {
  readonly process: ChildProcess;
  ready: boolean;
  lastOutputMs: number;
}

/**
 * The same sessions by OpenSSH's reverse tunnel, ended by what the customer has there: killing the one `ssh -R` that all
 * of them come through. The clients dial its port at once, without a jump, which spares OpenSSH a process for each.
 */
export async function killOpenSshTunnel(folder: string, options: KillRivalOptions): Promise<KillRivalReport> {
  const chain = await startOpenSshChain(join(folder, 'openssh'));
  const programs = await HostPrograms.prepare(join(folder, 'openssh-programs'));
  const clients: RivalClient[] = [];
  try {
    for (let number = 0; number < options.sessions; number += 1) {
      const mode = options.modeOf(number);
      const args = [...chain.options, ...AT_ONCE_AND_TOLD, chain.host, programs.command(mode, number)];
      clients.push(startClient(args, mode === 'listen' ? options.beatMs : undefined));
      await until(() => clients.filter(({ ready }) => !ready).length < AT_ONCE);
    }
    await until(() => clients.every(({ ready }) => ready));
    await programs.start();
    await delay(options.runMs);
    options.observeFirst();
    const killedMs = Date.now();
    chain.cut();
    await delay(WATCH_MS);
    const since = (atMs: number): number => Math.max(atMs - killedMs, 0);
    const ends: readonly HostProgramEnd[] = await programs.ends();
    return {
      lastAtClientMs: clients
        .filter(({ lastOutputMs }) => lastOutputMs > killedMs - options.runMs / 2)
        .map(({ lastOutputMs }) => since(lastOutputMs)),
      hungUpMs: ends.map(({ endMs }) => since(endMs)),
      inputMs: ends.filter(({ lastInputMs }) => lastInputMs > 0).map(({ lastInputMs }) => since(lastInputMs)),
    };
  } finally {
    for (const { process } of clients) process.kill('SIGKILL');
    await chain.stop();
  }
}

function startClient(args: readonly string[], beatMs: number | undefined): RivalClient {
  const process = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const client: RivalClient = { process, ready: false, lastOutputMs: 0 };
  process.stdin.on('error', () => undefined);
  process.stderr.once('data', () => {
    client.ready = true;
  });
  process.stdout.on('data', () => {
    client.lastOutputMs = Date.now();
  });
  if (beatMs !== undefined) {
    const beat = setInterval(() => process.stdin.write('.'), beatMs);
    process.once('exit', () => clearInterval(beat));
  }
  return client;
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + START_LIMIT_MS;
  while (!isTrue()) {
    if (Date.now() > deadlineMs) throw new Error('the sessions of the rival could not be opened');
    await delay(POLL_MS);
  }
}
