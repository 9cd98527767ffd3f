import { Socket } from 'node:net';
import { type IPty, spawn } from '@lydell/node-pty';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { TerminalSize } from '../../shared/ssh/channel-request.ts';
import type { HostProcess, ProcessListener, ProcessSpec } from './host-process.ts';
import { ProcessGroup, signalName } from './process-group.ts';

/**
 * After the process has ended and its output has been quiet for so long, the terminal is closed: something that it
 * has left in the background may hold it open for ever.
 */
const QUIET_MS = 50;

/** Terminals below and above these are not made; clients send 0 when they don't know. */
const DEFAULT_SIZE = { cols: 80, rows: 24 };
const MAX_CELLS = 10_000;

/**
 * Starts a process on a pseudo-terminal of its own, whose session it leads.
 * @throws `agent.start_failed` when there is no terminal to be had.
 */
export function startOnTerminal(
  spec: ProcessSpec,
  terminal: { readonly size: TerminalSize; readonly term: string },
  listener: ProcessListener,
  clock: Clock,
): HostProcess {
  const [program, ...args] = spec.line;
  let pty: IPty;
  try {
    pty = spawn(program, args, {
      ...cellsOf(terminal.size),
      name: terminal.term,
      cwd: spec.cwd,
      env: { ...spec.env },
      encoding: null,
    });
  } catch (cause) {
    throw new DrawbridgeError('agent.start_failed', `No terminal could be opened: ${messageOf(cause)}.`, {
      hint: 'The host may have run out of pseudo-terminals or processes.',
      cause,
    });
  }
  return new PtyProcess(pty, listener, clock);
}

class PtyProcess implements HostProcess {
  readonly #pty: IPty;
  readonly #socket: Socket;
  readonly #group: ProcessGroup;
  readonly #clock: Clock;
  readonly #closeTerminal: () => void;
  #paused = false;
  #leftover = false;
  #lastOutputMs: number;

  constructor(pty: IPty, listener: ProcessListener, clock: Clock) {
    this.#pty = pty;
    this.#clock = clock;
    this.#group = new ProcessGroup(pty.pid, clock);
    this.#lastOutputMs = clock.monotonicMs();
    this.#socket = socketOf(pty);
    const destroy = this.#socket.destroy.bind(this.#socket);
    this.#closeTerminal = () => destroy();
    // node-pty destroys the terminal 200 ms after the process has ended, whatever is still unread: a reader that is
    // slow, or waits for a window, would lose the tail. We take the call as the news that the process has ended, and
    // close when everything has been read.
    this.#socket.destroy = (error?: Error) => {
      if (error !== undefined) return destroy(error);
      this.#leftover = true;
      this.#closeWhenQuiet();
      return this.#socket;
    };
    this.#socket.on('data', (chunk: Buffer) => {
      this.#lastOutputMs = clock.monotonicMs();
      listener.onOutput(chunk, 'stdout');
    });
    this.#socket.on('drain', () => listener.onDrain());
    pty.onExit(({ exitCode, signal }) => {
      listener.onEnd(
        signal === undefined || signal === 0
          ? { kind: 'exited', code: exitCode }
          : { kind: 'signalled', signal: signalName(signal) },
      );
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  write(chunk: Buffer): boolean {
    return this.#socket.destroyed ? true : this.#socket.write(chunk);
  }

  endInput(): void {
    // Like sshd: a terminal has no end of input but the character that its user types.
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#lastOutputMs = this.#clock.monotonicMs();
    this.#socket.resume();
    if (this.#leftover) this.#closeWhenQuiet();
  }

  resize(size: TerminalSize): void {
    if (this.#socket.destroyed) return;
    const { cols, rows } = cellsOf(size);
    this.#pty.resize(cols, rows);
  }

  signal(name: string): void {
    this.#group.signal(name);
  }

  hangUp(): void {
    this.#group.hangUp();
    // Closing the master hangs up on everything that has the terminal, whatever group it is in.
    this.#closeTerminal();
  }

  #closeWhenQuiet(): void {
    if (this.#paused || this.#socket.destroyed) return;
    const quietMs = this.#clock.monotonicMs() - this.#lastOutputMs;
    if (quietMs >= QUIET_MS) this.#closeTerminal();
    else this.#clock.after(QUIET_MS - quietMs, () => this.#closeWhenQuiet());
  }
}

/** The terminal's master, which node-pty keeps to itself: its own methods have no backpressure for input. */
function socketOf(pty: IPty): Socket {
  const socket: unknown = '_socket' in pty ? pty._socket : undefined;
  if (socket instanceof Socket) return socket;
  throw new DrawbridgeError(
    'agent.unsupported_library',
    'The installed node-pty is not the one Drawbridge knows.',
    {
      hint: 'Install the exact version that package-lock.json names with `npm ci`.',
    },
  );
}

function cellsOf(size: TerminalSize): { cols: number; rows: number } {
  const fit = (cells: number, fallback: number): number =>
    cells === 0 ? fallback : Math.min(cells, MAX_CELLS);
  return { cols: fit(size.cols, DEFAULT_SIZE.cols), rows: fit(size.rows, DEFAULT_SIZE.rows) };
}
