import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { builtCommand, type DemoProcess, startDemo } from '../../bench/demo-process.ts';
import type { AuditEvent } from '../../shared/audit/event.ts';
import { patience } from './patience.ts';
import { createTemporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

/** What a program left when it ended. */
export interface ProgramRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** A role that the test started itself, as an administrator would. */
export interface RoleByHand {
  readonly child: ChildProcess;
  /** What it has printed so far, both streams. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const PROGRAM_LIMIT_MS = 60_000;

/** Runs a program to its end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly input?: string | Buffer; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProgramRun> {
  const startMs = performance.now();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    timeout: PROGRAM_LIMIT_MS * patience(),
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [status] = (await once(child, 'close')) as [number | null];
  return {
    status,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
    durationMs: performance.now() - startMs,
  };
}

/** Runs the built command, `drawbridge ARGS`, as a process. */
export function runDrawbridge(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProgramRun> {
  return runProgram(process.execPath, [builtCommand(), ...args], { env: { ...process.env, ...env } });
}

/** Starts a role as an installation does, and waits until it is ready or has ended. */
export async function startRoleByHand(
  role: 'proxy' | 'bastion' | 'agent',
  config: string,
): Promise<RoleByHand> {
  const child = spawn(process.execPath, [builtCommand(), role, 'start', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (!isOver()) child.kill(signal);
    await ended;
  };
  await waitFor(() => output.includes(`drawbridge ${role}: ready`) || isOver(), {
    what: `the ${role} to be ready`,
    timeoutMs: 30_000,
  });
  return { child, output: () => output, stop };
}

/** Ids of all processes that name `text` in their command line. */
export function processesNaming(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

/** Whether a process with this id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** A demo for one test file, with what tests do to it. */
export class TestDemo {
  readonly demo: DemoProcess;
  readonly #removeFolder: () => void;
  readonly #byHand: RoleByHand[] = [];

  private constructor(demo: DemoProcess, removeFolder: () => void) {
    this.demo = demo;
    this.#removeFolder = removeFolder;
  }

  /** Starts a demo in a new temporary folder. Stop it in `afterAll`. */
  static async start(args: readonly string[] = []): Promise<TestDemo> {
    const { path, remove } = createTemporaryDirectory();
    try {
      return new TestDemo(await startDemo(join(path, 'demo'), args), remove);
    } catch (error) {
      remove();
      throw error;
    }
  }

  get document(): DemoProcess['document'] {
    return this.demo.document;
  }

  /** `web-1.acme`. */
  get host(): string {
    return this.document.hosts[0] ?? '';
  }

  /** Runs the stock ssh client with the demo's configuration. */
  ssh(args: readonly string[], input: string | Buffer = ''): Promise<ProgramRun> {
    return runProgram('ssh', ['-F', this.document.sshConfig, ...args], { input });
  }

  /** Runs a customer's verb on the demo's bastion. */
  customer(args: readonly string[]): Promise<ProgramRun> {
    return runDrawbridge([...args, '--config', this.document.bastion.config]);
  }

  /** Events of the bastion's log, or of the proxy's. */
  async audit(
    of: 'bastion' | 'proxy' = 'bastion',
    filter: readonly string[] = [],
  ): Promise<readonly AuditEvent[]> {
    const run = await runDrawbridge([
      ...['audit', 'ls', '--json', '--limit', '1000', ...filter],
      ...['--config', this.document[of].config],
    ]);
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout) as AuditEvent[];
  }

  /** Waits for an event that `matches`. */
  async auditEvent(
    matches: (event: AuditEvent) => boolean,
    of: 'bastion' | 'proxy' = 'bastion',
  ): Promise<AuditEvent> {
    const find = async () => (await this.audit(of)).find(matches);
    return waitFor(find, { what: 'the audit event', periodMs: 100, timeoutMs: 15_000 });
  }

  /** A one-time code of the operator that the proxy has not seen yet: the next one, when this one is spent. */
  codeAt(epochMs = Date.now()): string {
    return generateSync({ secret: this.document.operator.totpSecret, epoch: Math.floor(epochMs / 1000) });
  }

  /** Starts a role by hand, for a demo whose own was killed; it ends with the demo. */
  async startByHand(role: 'proxy' | 'bastion' | 'agent', config: string): Promise<RoleByHand> {
    const started = await startRoleByHand(role, config);
    this.#byHand.push(started);
    return started;
  }

  /** Waits until both hosts are connected and the bastion is connected to the proxy. */
  async connected(): Promise<void> {
    await waitFor(
      async () => {
        const hosts = await runDrawbridge(['hosts', '--json', '--home', join(this.demo.dir, 'operator')]);
        if (hosts.status !== 0) return false;
        const list = JSON.parse(hosts.stdout) as { name: string; online: boolean }[];
        return this.document.hosts.every((name) => list.some((host) => host.name === name && host.online));
      },
      { what: 'the hosts to be online', timeoutMs: 30_000, periodMs: 100 },
    );
  }

  /** Ends the demo and removes its folder. Fails when a process is left. */
  async stop(): Promise<void> {
    await this.demo.stop();
    for (const role of this.#byHand) await role.stop();
    const left = processesNaming(this.demo.dir);
    this.#removeFolder();
    if (left.length > 0) throw new Error(`processes are left behind: ${left.join(', ')}`);
  }
}
