import { isIP } from 'node:net';
import type { Account } from './account.ts';

/** Variables of one channel, and the longest value. */
const VARIABLES_MAX = 64;
const VALUE_LIMIT_BYTES = 4096;

/**
 * Names that the bastion may set. Nothing here changes what the system's own tools do, which start as root before
 * they become the account; PATH, LD_PRELOAD and the like never come from outside.
 */
const ALLOWED_NAME =
  /^(?:LANG|LANGUAGE|LC_[A-Z0-9_]{1,32}|COLORTERM|NO_COLOR|GIT_PROTOCOL|DRAWBRIDGE_[A-Z0-9_]{1,32})$/;

/** Where the operator comes from, if the bastion says so: an IP address. */
const SOURCE_VARIABLE = 'DRAWBRIDGE_SOURCE';
const OPERATOR_VARIABLE = 'DRAWBRIDGE_OPERATOR';

const USER_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games';
const ROOT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The variables that the bastion sets on one channel before it starts. */
export class RequestedEnvironment {
  readonly #variables = new Map<string, string>();

  /** Keeps a variable; false when it may not be set. */
  set(name: string, value: Buffer): boolean {
    if (!ALLOWED_NAME.test(name) || value.length > VALUE_LIMIT_BYTES || value.includes(0)) return false;
    if (!this.#variables.has(name) && this.#variables.size >= VARIABLES_MAX) return false;
    this.#variables.set(name, value.toString('utf8'));
    return true;
  }

  get values(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#variables);
  }
}

/** Who is at work and from where, as far as the bastion has said. */
export function operatorOf({ values }: RequestedEnvironment): {
  readonly operator?: string;
  readonly address: string;
} {
  const operator = values[OPERATOR_VARIABLE];
  const source = values[SOURCE_VARIABLE];
  const address = source !== undefined && isIP(source) !== 0 ? source : '127.0.0.1';
  return { address, ...(operator === undefined ? {} : { operator }) };
}

/** The environment of a login, as sshd makes it. `term`: of the terminal, when there is one. */
export function loginEnvironment(
  account: Account,
  requested: RequestedEnvironment,
  agent: NodeJS.ProcessEnv,
  term?: string,
): Record<string, string> {
  const { values } = requested;
  const { address } = operatorOf(requested);
  const { LANG } = agent;
  return {
    ...(LANG === undefined ? {} : { LANG }),
    ...values,
    USER: account.name,
    LOGNAME: account.name,
    HOME: account.home,
    SHELL: account.shell,
    PATH: account.uid === 0 ? ROOT_PATH : USER_PATH,
    MAIL: `/var/mail/${account.name}`,
    // Shells and scripts tell by these that they run for somebody who is not at the machine; there are no ports.
    SSH_CLIENT: `${address} 0 22`,
    SSH_CONNECTION: `${address} 0 127.0.0.1 22`,
    ...(term === undefined ? {} : { TERM: term }),
  };
}
