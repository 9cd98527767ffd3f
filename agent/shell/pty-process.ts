import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { type IPty, spawn } from '@lydell/node-pty';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { TerminalSize } from '../../shared/ssh/channel-request.ts';
import type { HostProcess, ProcessListener, ProcessSpec } from './host-process.ts';
import { ProcessGroup, signalName } from './process-group.ts';

/**
 * What is read from the terminal after its process has ended: more than any kernel buffers. Something that was left
 * in the background and goes on writing is not waited for.
 */
const TAIL_LIMIT_BYTES = 1024 * 1024;
const TAIL_CHUNK_BYTES = 64 * 1024;

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
  try {
    return new PtyProcess(pty, listener, clock);
  } catch (error) {
    pty.kill('SIGKILL');
    throw error;
  }
}

/**
 * node-pty loses the tail of the output in two ways: it destroys the terminal 200 ms after the process has ended,
 * whatever a slow reader has not taken yet; and libuv takes the hang-up that comes with the end for the end of the
 * data, though up to 4 KiB may be left. So we hold the other end of the terminal open ourselves, which puts the
 * hang-up off, and close it when the process has ended and a read finds nothing more.
 */
class PtyProcess implements HostProcess {
  readonly #pty: IPty;
  readonly #terminal: Terminal;
  readonly #group: ProcessGroup;
  readonly #listener: ProcessListener;
  readonly #held: number;
  #state: 'running' | 'ended' | 'closed' = 'running';
  #paused = false;

  constructor(pty: IPty, listener: ProcessListener, clock: Clock) {
    this.#pty = pty;
    this.#listener = listener;
    this.#group = new ProcessGroup(pty.pid, clock);
    this.#terminal = terminalOf(pty, () => this.#processEnded());
    // As a service, the agent has no terminal of its own and would get this one without O_NOCTTY.
    this.#held = openSync(this.#terminal.path, constants.O_RDWR | constants.O_NOCTTY);
    const { socket } = this.#terminal;
    socket.on('data', (chunk: Buffer) => listener.onOutput(chunk, 'stdout'));
    socket.on('drain', () => listener.onDrain());
    pty.onExit(({ exitCode, signal }) => {
      this.#close();
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

  get terminal(): string {
    return this.#terminal.path;
  }

  write(chunk: Buffer): boolean {
    return this.#state === 'running' ? this.#terminal.socket.write(chunk) : true;
  }

  endInput(): void {
    // Like sshd: a terminal has no end of input but the character that its user types.
  }

  endOutput(): void {
    // What it writes is dropped by who asked for that.
  }

  pause(): void {
    this.#paused = true;
    this.#terminal.socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#terminal.socket.resume();
    if (this.#state === 'ended') this.#readTail();
  }

  resize(size: TerminalSize): void {
    if (this.#state !== 'running') return;
    const { cols, rows } = cellsOf(size);
    this.#pty.resize(cols, rows);
  }

  signal(name: string): void {
    this.#group.signal(name);
  }

  hangUp(): void {
    this.#group.hangUp();
    // Closing the master hangs up on everything that has the terminal, whatever group it is in.
    this.#close();
  }

  #processEnded(): void {
    if (this.#state !== 'running') return;
    this.#state = 'ended';
    this.#readTail();
  }

  #readTail(): void {
    const { socket, master } = this.#terminal;
    for (let total = 0; total < TAIL_LIMIT_BYTES; ) {
      if (this.#state !== 'ended' || this.#paused) return;
      if (socket.readableLength > 0) {
        // What the stream has read and not given out yet comes first.
        setImmediate(() => this.#readTail());
        return;
      }
      const chunk = readNow(master);
      if (chunk === undefined) break;
      total += chunk.length;
      this.#listener.onOutput(chunk, 'stdout');
    }
    this.#close();
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#terminal.destroy();
    closeSync(this.#held);
    this.#listener.onDrain();
  }
}

/** What the terminal holds at this moment. Undefined: nothing; the kernel looks into all its buffers first. */
function readNow(master: number): Buffer | undefined {
  const chunk = Buffer.allocUnsafe(TAIL_CHUNK_BYTES);
  try {
    const length = readSync(master, chunk);
    return length === 0 ? undefined : chunk.subarray(0, length);
  } catch {
    // EAGAIN: empty. EIO: hung up. Either way there is nothing more.
    return undefined;
  }
}

/** What node-pty keeps to itself. */
interface Terminal {
  /** The master as a stream: node-pty's own methods have no backpressure for input. */
  readonly socket: Socket;
  readonly master: number;
  /** Path of the slave. */
  readonly path: string;
  destroy(): void;
}

/** Reaches into node-pty, whose version is pinned; `onProcessEnd` is called when the process has ended. */
function terminalOf(pty: IPty, onProcessEnd: () => void): Terminal {
  const socket: unknown = '_socket' in pty ? pty._socket : undefined;
  const master: unknown = 'fd' in pty ? pty.fd : undefined;
  const path: unknown = 'ptsName' in pty ? pty.ptsName : undefined;
  const once: unknown = 'once' in pty ? pty.once : undefined;
  const known = socket instanceof Socket && typeof master === 'number' && typeof path === 'string';
  if (!known || typeof once !== 'function')
    throw new DrawbridgeError(
      'agent.unsupported_library',
      'The installed node-pty is not the one Drawbridge knows.',
      {
        hint: 'Install the exact version that package-lock.json names with `npm ci`.',
      },
    );
  const destroy = socket.destroy.bind(socket);
  // The 200 ms after which node-pty destroys the terminal are not enough for a slow reader; we do it ourselves.
  socket.destroy = (error?: Error) => (error === undefined ? socket : destroy(error));
  // The first that one hears of the process's end: node-pty begins to wait for the terminal to close.
  Object.defineProperty(pty, 'once', {
    value: (event: string, listener: () => void) => {
      const result: unknown = once.call(pty, event, listener);
      if (event === 'close') onProcessEnd();
      return result;
    },
  });
  return { socket, master, path, destroy: () => destroy() };
}

function cellsOf(size: TerminalSize): { cols: number; rows: number } {
  const within = (cells: number, fallback: number): number =>
    cells === 0 ? fallback : Math.min(cells, MAX_CELLS);
  return { cols: within(size.cols, DEFAULT_SIZE.cols), rows: within(size.rows, DEFAULT_SIZE.rows) };
}
