import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Clock, Timer } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { HostProcess, ProcessListener, ProcessSpec } from './host-process.ts';
import { ProcessGroup } from './process-group.ts';
import { makeStandardPipes } from './standard-pipes.ts';

/** A process without outputs that ends within this time is told as ended; its outputs are closed by its end. */
const OUTLASTS_OUTPUT_MS = 100;

/** Our ends of a process's standard streams. */
interface Streams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/**
 * Starts a process on pipes: output and error apart, input that can be closed.
 * @throws `agent.start_failed` when it can't be started.
 */
export async function startPiped(
  spec: ProcessSpec,
  listener: ProcessListener,
  clock: Clock,
): Promise<HostProcess> {
  const [program, ...args] = spec.line;
  // A session and process group of its own, so that all of it can be ended.
  const options = { cwd: spec.cwd, env: { ...spec.env }, detached: true };
  const pipes = await makeStandardPipes(spec.uid);
  if (pipes === undefined) {
    const child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    return begin(child, child, listener, clock);
  }
  const child = spawn(program, args, { ...options, stdio: [...pipes.fds] });
  try {
    return await begin(child, pipes, listener, clock);
  } catch (error) {
    for (const stream of [pipes.stdin, pipes.stdout, pipes.stderr]) stream.destroy();
    throw error;
  } finally {
    pipes.release();
  }
}

async function begin(
  child: ChildProcess,
  streams: Streams,
  listener: ProcessListener,
  clock: Clock,
): Promise<HostProcess> {
  // Listened to before anything can happen: a short command may be over by the time somebody has waited for it.
  const started = startOf(child);
  const running = new PipedProcess(child, streams, listener, clock);
  await started;
  return running;
}

function startOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new DrawbridgeError('agent.start_failed', `It could not be started: ${messageOf(cause)}.`, { cause }),
      ),
    );
  });
}

class PipedProcess implements HostProcess {
  readonly #child: ChildProcess;
  readonly #streams: Streams;
  readonly #group: ProcessGroup | undefined;

  constructor(child: ChildProcess, streams: Streams, listener: ProcessListener, clock: Clock) {
    this.#child = child;
    this.#streams = streams;
    this.#group = child.pid === undefined ? undefined : new ProcessGroup(child.pid, clock);
    const { stdin, stdout, stderr } = streams;
    stdout.on('data', (chunk: Buffer) => listener.onOutput(chunk, 'stdout'));
    stderr.on('data', (chunk: Buffer) => listener.onOutput(chunk, 'stderr'));
    stdin.on('drain', () => listener.onDrain());
    // A process that no longer reads is no fault: what is still sent to it is dropped, and the sender goes on.
    stdin.on('error', () => listener.onDrain());
    stdin.on('close', () => listener.onDrain());
    if (child.pid === undefined) return;
    // The end is told when both outputs are at their end too, so that nothing can follow it.
    const outputs = Promise.all([stdout, stderr].map((stream) => closed(stream)));
    let lasting: Timer | undefined;
    void outputs.then(() => {
      if (!hasEnded(child)) lasting = clock.after(OUTLASTS_OUTPUT_MS, () => listener.onOutputEnd());
    });
    void Promise.all([once(child, 'exit'), outputs]).then(() => {
      lasting?.cancel();
      stdin.destroy();
      listener.onEnd(
        child.signalCode === null
          ? { kind: 'exited', code: child.exitCode ?? 255 }
          : { kind: 'signalled', signal: child.signalCode.slice(3) },
      );
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  write(chunk: Buffer): boolean {
    const { stdin } = this.#streams;
    return stdin.destroyed || stdin.writableEnded ? true : stdin.write(chunk);
  }

  endInput(): void {
    this.#streams.stdin.end();
  }

  endOutput(): void {
    this.#streams.stdout.destroy();
  }

  pause(): void {
    this.#streams.stdout.pause();
    this.#streams.stderr.pause();
  }

  resume(): void {
    this.#streams.stdout.resume();
    this.#streams.stderr.resume();
  }

  resize(): void {
    // Pipes have no size.
  }

  signal(name: string): void {
    this.#group?.signal(name);
  }

  hangUp(): void {
    this.#group?.hangUp();
    this.#streams.stdin.destroy();
    // Nobody reads any longer; what holds the pipes open must not keep them, nor this process, waiting.
    this.#streams.stdout.destroy();
    this.#streams.stderr.destroy();
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Resolves when nothing more can be read of a stream, for whatever reason. */
function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => stream.destroy());
    stream.once('close', resolve);
  });
}
