import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DrawbridgeError } from '../../shared/errors.ts';

/** What to start as a child. */
export interface RoleProcessOptions {
  /** For messages: `proxy`, `agent web-1`. */
  readonly label: string;
  /** The first words of the line that says it is ready. */
  readonly readyWords: string;
  /** The command's entry file. */
  readonly entryPath: string;
  readonly args: readonly string[];
  readonly logPath: string;
  readonly signal: AbortSignal;
}

const READY_LIMIT_MS = 60_000;
const POLL_MS = 25;
const STOP_LIMIT_MS = 12_000;

/**
 * One role of the demo as a process of its own.
 *
 * Its output goes straight to its log file: a pipe would break when the demo is killed. Its standard input is a pipe
 * whose other end only the demo holds: when the demo is gone, however it went, that pipe closes and the role stops.
 * It runs in a session of its own, so that Ctrl-C in the terminal reaches the demo alone, which then stops all in order.
 */
export class RoleProcess {
  readonly label: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<string>;
  #end: string | undefined;

  private constructor(label: string, child: ChildProcess, pid: number) {
    this.label = label;
    this.pid = pid;
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#end = signal === null ? `exit code ${code}` : signal;
        resolve(this.#end);
      });
    });
  }

  /**
   * Starts the role and waits until it says that it is ready.
   * @throws `demo.role_failed` with the role's own sentence, or the path of its log
   */
  static async start(options: RoleProcessOptions): Promise<RoleProcess> {
    const output = openSync(options.logPath, 'a', 0o600);
    const child = spawn(process.execPath, [options.entryPath, ...options.args, '--until-input-closes'], {
      stdio: ['pipe', output, output],
      detached: true,
    });
    closeSync(output);
    // A write is never made; without a listener a broken pipe would end the demo.
    child.stdin?.on('error', () => {});
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    const role = new RoleProcess(options.label, child, pid);
    try {
      await role.#ready(options);
      return role;
    } catch (error) {
      await role.stop();
      throw error;
    }
  }

  /** Resolves with how it ended. */
  get exited(): Promise<string> {
    return this.#exited;
  }

  /** Ends it in order, and by force when that takes too long. */
  async stop(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(late);
  }

  async #ready(options: RoleProcessOptions): Promise<void> {
    const deadline = Date.now() + READY_LIMIT_MS;
    for (;;) {
      options.signal.throwIfAborted();
      const log = await readFile(options.logPath, 'utf8');
      if (log.split('\n').some((line) => line.startsWith(options.readyWords))) return;
      if (this.#end !== undefined) throw failed(options, `ended with ${this.#end}`, log);
      if (Date.now() > deadline) throw failed(options, 'did not get ready in 60 s', log);
      await delay(POLL_MS);
    }
  }
}

function failed(options: RoleProcessOptions, how: string, log: string): DrawbridgeError {
  const own = /^drawbridge: error: (.*)$/m.exec(log)?.[1];
  const why = own === undefined ? '' : `: ${own}`;
  return new DrawbridgeError('demo.role_failed', `The ${options.label} ${how}${why}`, {
    hint: `Its log is ${options.logPath}`,
  });
}
