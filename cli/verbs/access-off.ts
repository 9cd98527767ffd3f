import { dirname, join } from 'node:path';
import { turnOffStored } from '../../bastion/gate/access-file.ts';
import type { Json } from '../../shared/audit/event.ts';
import { isoTime, systemClock } from '../../shared/clock.ts';
import { ControlClient } from '../../shared/control/client.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import { ownName } from '../../shared/own-name.ts';
import type { Cli } from '../cli.ts';
import { accessStatus, readAnswer } from '../control.ts';
import { type PlaceOptions, socketPathOf } from '../role-config.ts';

/** How long a bastion may take to answer before access is turned off past it. */
const ANSWER_MS = 5_000;

/** Codes with which a bastion that runs says that access is off, and what went wrong beside that. */
const OFF_WITH_FAULT = ['audit.unavailable', 'access.not_stored'];

interface OffOptions extends PlaceOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

/**
 * Turns access off by the running bastion; when none answers, by removing the stored state, which needs nothing but the
 * permissions of the data directory. Asks once more after that: a bastion that was starting may have read it before.
 * Gives the state to show, or nothing when it has said all itself.
 * @throws what the bastion answers; `access.not_stored`, `config.*`
 */
export async function turnOff(cli: Cli, options: OffOptions) {
  const socketPath = await socketPathOf(options, cli);
  const ask = () => askWithin(socketPath, change(options));
  try {
    return await ask();
  } catch (error) {
    if (!isDrawbridgeError(error) || OFF_WITH_FAULT.includes(error.code)) throw error;
    if (!error.code.startsWith('control.') || error.code === 'control.not_allowed') throw error;
  }
  const dataDir = dirname(socketPath);
  const record = {
    sinceMs: systemClock.nowMs(),
    by: `local:${ownName()}`,
    ...(options.reason === undefined ? {} : { reason: options.reason.slice(0, 1000) }),
  };
  turnOffStored(dataDir, record);
  try {
    return await ask();
  } catch (error) {
    if (!isDrawbridgeError(error) || !error.code.startsWith('control.')) throw error;
    say(cli, options, error.code === 'control.not_running', join(dataDir, 'access.json'));
    return undefined;
  }
}

function say(cli: Cli, options: OffOptions, stopped: boolean, path: string): void {
  if (options.json === true) {
    cli.terminal.json({ state: 'off', since: isoTime(systemClock), by: `local:${ownName()}` });
    return;
  }
  const { styles } = cli.terminal;
  cli.terminal.line(
    stopped
      ? `Remote access is ${styles.bad('off')}: no bastion runs, and one that starts finds it off.`
      : `Remote access is ${styles.bad('off')} in ${path}. The bastion does not answer: it ends what is open as soon as it looks, or end its process.`,
  );
}

function change(options: OffOptions) {
  return { state: 'off', ...(options.reason === undefined ? {} : { reason: options.reason }) };
}

async function askWithin(socketPath: string, params: Json) {
  const client = await ControlClient.connect(socketPath);
  const { clear, late } = lateAnswer();
  try {
    const answer = client.call('access.set', params);
    // Closing the connection fails what is still asked.
    answer.catch(() => undefined);
    return readAnswer(await Promise.race([answer, late]), 'access.set', accessStatus);
  } finally {
    clear();
    client.close();
  }
}

function lateAnswer(): { readonly late: Promise<never>; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new DrawbridgeError('control.silent', 'The bastion does not answer.')),
      ANSWER_MS,
    );
  });
  return { late, clear: () => clearTimeout(timer) };
}
