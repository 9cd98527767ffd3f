import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Check, check, type Finding } from './finding.ts';

const SSHD = '/usr/sbin/sshd';
const DOCUMENT = 'docs/host-sshd.md';
const WRITABLE_BY_OTHERS = 0o022;
const OUTPUT_LIMIT_CHARACTERS = 256 * 1024;

/**
 * Whether the host's own sshd asks Drawbridge for keys: its settings as `sshd -T` prints them, and the command that they
 * name. @param settings stands in for `sshd -T` in tests; undefined when it can't be run
 */
export function authorizedKeysCommand(
  settings: (signal: AbortSignal) => Promise<string | undefined> = effectiveSettings,
): Check {
  return check('sshd', async (signal) => {
    const text = await settings(signal);
    if (text === undefined) {
      return [
        {
          state: 'warn',
          text: `The settings of the host's sshd could not be read (\`${SSHD} -T\`).`,
          hint: 'Run doctor as root. A sshd on another machine is to be checked there.',
        },
      ];
    }
    const command = settingOf(text, 'authorizedkeyscommand');
    return [await keysFrom(command, settingOf(text, 'authorizedkeyscommanduser')), publicKeys(text)];
  });
}

async function keysFrom(command: string, user: string): Promise<Omit<Finding, 'check'>> {
  if (command === '' || command === 'none') {
    return {
      state: 'warn',
      text: "sshd asks no command for keys, so the bastion's key has to be in every account's authorized_keys.",
      hint: `Set AuthorizedKeysCommand as in ${DOCUMENT}.`,
    };
  }
  const path = command.split(/\s+/)[0] ?? command;
  const fault = await unsafePath(path);
  if (fault !== undefined) {
    return {
      state: 'fail',
      text: `sshd refuses to run its AuthorizedKeysCommand: ${fault}.`,
      hint: 'The command and every folder above it must belong to root, and only root may write there.',
    };
  }
  if (user === '' || user === 'none') {
    return {
      state: 'fail',
      text: 'sshd has an AuthorizedKeysCommand and no AuthorizedKeysCommandUser, so it runs none.',
      hint: `Name the account that the agent runs as; see ${DOCUMENT}.`,
    };
  }
  return { state: 'ok', text: `sshd asks ${path} for keys, as ${user}.` };
}

function publicKeys(text: string): Omit<Finding, 'check'> {
  if (settingOf(text, 'pubkeyauthentication') !== 'no')
    return { state: 'ok', text: 'sshd lets in by public keys.' };
  return {
    state: 'fail',
    text: 'sshd does not let in by public keys.',
    hint: 'Set PubkeyAuthentication yes: the bastion has no other way in.',
  };
}

/** Why sshd would not run what is at `path`: its own rule, which it only tells its log. */
async function unsafePath(path: string): Promise<string | undefined> {
  for (let at = path; ; at = dirname(at)) {
    let found: Awaited<ReturnType<typeof stat>>;
    try {
      found = await stat(at);
    } catch {
      return `there is no ${at}`;
    }
    if (at === path && (found.mode & 0o111) === 0) return `${at} may not be executed`;
    if (found.uid !== 0) return `${at} does not belong to root`;
    if ((found.mode & WRITABLE_BY_OTHERS) !== 0) return `others may write to ${at}`;
    if (at === '/') return undefined;
  }
}

function settingOf(text: string, name: string): string {
  const line = text.split('\n').find((one) => one.toLowerCase().startsWith(`${name} `));
  return line?.slice(name.length + 1).trim() ?? '';
}

async function effectiveSettings(signal: AbortSignal): Promise<string | undefined> {
  const child = spawn(SSHD, ['-T', '-C', 'user=root,host=localhost,addr=127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    if (text.length < OUTPUT_LIMIT_CHARACTERS) text += piece;
  });
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    return status === 0 ? text : undefined;
  } catch {
    return undefined;
  }
}
