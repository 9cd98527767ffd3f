import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { HostProcess, ProcessListener, ProcessSpec } from './host-process.ts';
import { ProcessGroup } from './process-group.ts';

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
  const child = spawn(program, args, {
    cwd: spec.cwd,
    env: { ...spec.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A session and process group of its own, so that all of it can be ended.
    detached: true,
  });
  // Listened to before anything can happen: a short command may be over by the time somebody has waited for it.
  const started = startOf(child);
  const running = new PipedProcess(child, listener, clock);
  await started;
  return running;
}

function startOf(child: ChildProcessWithoutNullStreams): Promise<void> {
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
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #group: ProcessGroup | undefined;

  constructor(child: ChildProcessWithoutNullStreams, listener: ProcessListener, clock: Clock) {
    this.#child = child;
    this.#group = child.pid === undefined ? undefined : new ProcessGroup(child.pid, clock);
    child.stdout.on('data', (chunk: Buffer) => listener.onOutput(chunk, 'stdout'));
    child.stderr.on('data', (chunk: Buffer) => listener.onOutput(chunk, 'stderr'));
    child.stdin.on('drain', () => listener.onDrain());
    // A process that no longer reads is no fault: what is still sent to it is dropped, and the sender goes on.
    child.stdin.on('error', () => listener.onDrain());
    child.stdin.on('close', () => listener.onDrain());
    // `close` comes when both outputs are at their end too, so that nothing can follow it.
    child.on('close', (code, signal) => {
      if (child.pid === undefined) return;
      listener.onEnd(
        signal === null
          ? { kind: 'exited', code: code ?? 255 }
          : { kind: 'signalled', signal: signal.slice(3) },
      );
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  write(chunk: Buffer): boolean {
    const { stdin } = this.#child;
    return stdin.destroyed || stdin.writableEnded ? true : stdin.write(chunk);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  pause(): void {
    this.#child.stdout.pause();
    this.#child.stderr.pause();
  }

  resume(): void {
    this.#child.stdout.resume();
    this.#child.stderr.resume();
  }

  resize(): void {
    // Pipes have no size.
  }

  signal(name: string): void {
    this.#group?.signal(name);
  }

  hangUp(): void {
    this.#group?.hangUp();
    this.#child.stdin.destroy();
    // Nobody reads any longer; what holds the pipes open must not keep them, nor this process, waiting.
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }
}
