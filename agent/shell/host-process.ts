import type { TerminalSize } from '../../shared/ssh/channel-request.ts';
import type { DataStream } from '../../shared/ssh/ordered-queue.ts';

/** How a process ended. Signal names have no `SIG`. */
export type ProcessEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string };

/** Who listens to a process. `onEnd` comes last, behind all output, exactly once. */
export interface ProcessListener {
  onOutput(chunk: Buffer, stream: DataStream): void;
  /** After `write` has said false: there is room again. */
  onDrain(): void;
  /** It has closed its outputs and goes on without them (not on a terminal). */
  onOutputEnd(): void;
  onEnd(end: ProcessEnd): void;
}

/** What to start: a command line, its environment and its folder. */
export interface ProcessSpec {
  readonly line: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** User id that the process will have, when that is not ours. */
  readonly uid?: number;
}

/** A process of a session, on a terminal or on pipes. It leads a process group of its own. */
export interface HostProcess {
  readonly pid: number;
  /** Path of the terminal that it runs on. */
  readonly terminal?: string;
  /** Writes to its input. False: wait for `onDrain`. What it can no longer read is dropped. */
  write(chunk: Buffer): boolean;
  /** Closes its input (not on a terminal, where only it can end itself). */
  endInput(): void;
  /** Nobody reads its output any more: it is told when it writes (not on a terminal, which sshd leaves open, too). */
  endOutput(): void;
  /** Stops and goes on reading output. */
  pause(): void;
  resume(): void;
  /** Only on a terminal. */
  resize(size: TerminalSize): void;
  /** Sends a signal (without `SIG`) to its group. Unknown ones are ignored. */
  signal(name: string): void;
  /** The session is over: hangs up, and kills what is still there after {@link KILL_AFTER_MS}. */
  hangUp(): void;
}

/** How long a process may take to end after it was hung up. */
export const KILL_AFTER_MS = 5_000;
