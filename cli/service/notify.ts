import { spawn } from 'node:child_process';

/** The supervisor is told twice per period that it demands. */
const SHARE = 2;
const MICROSECONDS_PER_MS = 1_000;

/** Tells systemd how the process is (sd_notify(3)). Without systemd it does nothing. */
export interface Supervisor {
  /** The role is up. From now on the watchdog hears of it, as long as its event loop turns. */
  ready(): void;
  /** The role has begun to stop. */
  stopping(): void;
}

/**
 * Talks to systemd by its own program, since Node.js can't open datagram sockets of the UNIX domain. What is said is
 * said by a child, for which the unit has `NotifyAccess=all`.
 */
export function connectSupervisor(env: NodeJS.ProcessEnv, say = sayBySystemd): Supervisor {
  if ((env['NOTIFY_SOCKET'] ?? '') === '') return { ready: () => undefined, stopping: () => undefined };
  const watchdogMs = Number(env['WATCHDOG_USEC'] ?? '') / MICROSECONDS_PER_MS;
  let timer: NodeJS.Timeout | undefined;
  return {
    ready() {
      say('READY=1');
      if (watchdogMs > 0) timer = setInterval(() => say('WATCHDOG=1'), watchdogMs / SHARE).unref();
    },
    stopping() {
      clearInterval(timer);
      say('STOPPING=1');
    },
  };
}

function sayBySystemd(state: string): void {
  const child = spawn('systemd-notify', [`--pid=${process.pid}`, state], { stdio: 'ignore' });
  // Without the program the watchdog hears nothing and starts the role anew: that is seen in systemd's own log.
  child.on('error', () => undefined);
  child.unref();
}
