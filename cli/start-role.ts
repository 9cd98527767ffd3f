import { writeSync } from 'node:fs';
import type { Command } from 'commander';
import { systemClock } from '../shared/clock.ts';
import type { Reloaded } from '../shared/config/live-config.ts';
import { optimiseEarly } from '../shared/early-optimising.ts';
import { DrawbridgeError, messageOf } from '../shared/errors.ts';
import { keepHeapRoom } from '../shared/heap-room.ts';
import { createLogger, type Logger, type LogLevel } from '../shared/log.ts';
import type { ReloadableRole, RunningRole } from '../shared/role.ts';
import type { Cli } from './cli.ts';
import { Reload } from './reload.ts';
import { configPathOf } from './role-config.ts';
import { connectSupervisor } from './service/notify.ts';

/** The options of every `start`. */
export interface StartOptions {
  readonly config?: string;
  readonly untilInputCloses?: boolean;
}

/** The part of every role's configuration that starting it needs. */
interface CommonConfig {
  readonly name: string;
  readonly log: { readonly level: LogLevel; readonly format: 'auto' | 'pretty' | 'json' };
}

/** How one role is loaded and started. */
export interface StartableRole<Config extends CommonConfig> {
  readonly role: 'proxy' | 'bastion' | 'agent';
  readonly defaultConfig: string;
  load(configPath: string): Promise<Config>;
  start(
    config: Config,
    deps: { clock: typeof systemClock; log: Logger; reload: () => Promise<Reloaded> },
  ): Promise<ReloadableRole<Config>>;
}

/** How long an orderly stop may take before the process ends all the same. */
const STOP_LIMIT_MS = 10_000;
/** Node's longest timer. */
const KEEP_ALIVE_MS = 2_147_483_647;

/** Adds the options of `start` to a command. */
export function withStartOptions(command: Command, defaultConfig: string): Command {
  return command
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${defaultConfig})`)
    .option(
      '--until-input-closes',
      'also stop when standard input closes, for a supervisor that holds its other end',
    );
}

/**
 * Runs a role in the foreground until SIGTERM or SIGINT, or until it ends by itself.
 * @throws every fault of the start as a plain sentence; `role.ended` when the role ended by itself
 */
export async function startRole<Config extends CommonConfig>(
  cli: Cli,
  options: StartOptions,
  role: StartableRole<Config>,
): Promise<void> {
  const interrupted = cli.untilInterrupted();
  const inputClosed = options.untilInputCloses === true ? inputClosing() : new AbortController().signal;
  const configPath = configPathOf(options, cli, role.defaultConfig);
  const config = await role.load(configPath);
  const log = createLogger({ role: role.role, level: config.log.level, format: config.log.format });
  endOnDefect(log);
  const optimising = optimiseEarly(systemClock);
  const heapRoom = keepHeapRoom(systemClock);
  const reload = new Reload(() => role.load(configPath), log);
  const asked = AbortSignal.any([interrupted, inputClosed]);
  const running = await keepingAlive(() =>
    orInterrupted(role.start(config, { clock: systemClock, log, reload: () => reload.run() }), asked),
  );
  reload.isUp(running);
  // On a terminal it says that the terminal has gone, and ends the process as it does with any program.
  if (!process.stdin.isTTY) process.on('SIGHUP', () => void reload.onSignal());
  const supervisor = connectSupervisor(cli.env);
  supervisor.ready();
  cli.terminal.line(readyLine(role.role, config.name, running));
  const endedAlone = await keepingAlive(() => Promise.race([running.stopped, aborted(asked)]));
  heapRoom.cancel();
  optimising.cancel();
  optimising.cancel();
  if (endedAlone !== undefined) {
    throw new DrawbridgeError('role.ended', `The ${role.role} has ended: ${endedAlone}.`);
  }
  supervisor.stopping();
  const reason = interrupted.aborted ? String(interrupted.reason) : 'standard input closed';
  const limit = setTimeout(() => {
    log.fatal(`stopping took longer than ${STOP_LIMIT_MS / 1000} s; ending now`);
    process.exit(1);
  }, STOP_LIMIT_MS);
  process.once('SIGINT', () => process.exit(1));
  process.once('SIGTERM', () => process.exit(1));
  await running.stop(reason);
  clearTimeout(limit);
  cli.terminal.line(`drawbridge ${role.role}: stopped`);
  // Whatever a library still holds must not keep a stopped role alive.
  process.exit(0);
}

/** A role that starts or waits for its peer may hold nothing but timers that keep no process alive. */
async function keepingAlive<T>(wait: () => Promise<T>): Promise<T> {
  const alive = setInterval(() => {}, KEEP_ALIVE_MS);
  try {
    return await wait();
  } finally {
    clearInterval(alive);
  }
}

/**
 * A role that is told to stop before it is up has let nobody in and promised nothing: the process ends at once, and
 * the next start tidies up as after a crash.
 */
async function orInterrupted<T>(start: Promise<T>, asked: AbortSignal): Promise<T> {
  const end = (): never => {
    writeSync(2, 'drawbridge: error: Told to stop before the start was done.\n');
    process.exit(1);
  };
  asked.addEventListener('abort', end, { once: true });
  try {
    return await start;
  } finally {
    asked.removeEventListener('abort', end);
  }
}

function readyLine(role: string, name: string, running: RunningRole): string {
  const places = Object.entries(running.addresses).map(([what, where]) => `${what} ${where}`);
  return [`drawbridge ${role}: ready: ${name}`, ...places].join(', ');
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function inputClosing(): AbortSignal {
  const controller = new AbortController();
  process.stdin.resume();
  for (const event of ['end', 'close', 'error'] as const) process.stdin.once(event, () => controller.abort());
  return controller.signal;
}

/**
 * An exception that nobody caught is a defect: nothing is known about the state any more, so the process says so and
 * ends, and whoever supervises it starts a clean one. Evidence is written before release and survives this.
 */
function endOnDefect(log: Logger): void {
  const end = (error: unknown): void => {
    log.fatal({ err: error }, `defect: ${messageOf(error)}`);
    writeSync(2, `drawbridge: error: a defect ended this process: ${messageOf(error)}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
