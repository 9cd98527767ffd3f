import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Json } from '../../shared/audit/event.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { type Cli, examples, nameList } from '../cli.ts';
import { callProxy, withProxyPlace } from '../proxy-administration.ts';
import { writeQrCode } from '../qr-code.ts';
import type { PlaceOptions } from '../role-config.ts';
import { writeFacts, writeTable } from '../table.ts';
import { printable } from '../terminal.ts';
import { registerAuthenticatorLink } from './proxy-authenticator-link.ts';
import { registerSecurityKeys } from './proxy-security-keys.ts';

interface UserOptions extends PlaceOptions {
  readonly group?: string[];
  readonly passwordFile?: string;
  readonly json?: boolean;
}

const user = z.looseObject({
  username: z.string(),
  groups: z.array(z.string()),
  disabled: z.boolean().optional(),
  keys: z.number().optional(),
  securityKeys: z.number().optional(),
  recoveryCodes: z.number().optional(),
});

const secrets = z.looseObject({
  username: z.string().optional(),
  password: z.string().optional(),
  totpSecret: z.string().optional(),
  totpUri: z.string().optional(),
  recoveryCodes: z.array(z.string()).optional(),
});

const cut = z.looseObject({ cut: z.number().optional() });

const key = z.looseObject({
  fingerprint: z.string(),
  username: z.string().optional(),
  publicLine: z.string().optional(),
});

/** `drawbridge proxy user add|ls|enable|disable|groups|reset-mfa|recovery-codes|authenticator-link|key|security-key`. They work with the proxy running and without. */
export function registerProxyUsers(proxy: Command, cli: Cli): void {
  const users = proxy.command('user').description('Add operators, list them, and change how they sign in.');
  const add = users
    .command('add')
    .argument('<name>', 'user name')
    .description('Add an operator. Password and authenticator secret are shown only now.')
    .option(
      '--group <names>',
      'groups that the customers’ policies name, separated by commas; may be repeated',
      nameList,
    )
    .option('--password-file <file>', 'file with the password; one is made up if left out')
    .option('--json', 'print the result as JSON')
    .action((name: string, options: UserOptions) => addUser(cli, name, options));
  examples(withProxyPlace(add), ['drawbridge proxy user add alice --group support,dba']);
  const list = users
    .command('ls')
    .alias('list')
    .description('List the operators.')
    .option('--json', 'print them as JSON')
    .action((options: UserOptions) => listUsers(cli, options));
  examples(withProxyPlace(list), ['drawbridge proxy user ls']);
  const disable = users
    .command('disable')
    .argument('<name>', 'user name')
    .description('Refuse this operator from now on, end their logins and cut what they have open.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: UserOptions) => {
      const result = await callProxy(cli, options, 'user.disable', { username: name }, cut);
      report(cli, options, result, `${printable(name)} is disabled.`);
    });
  examples(withProxyPlace(disable), ['drawbridge proxy user disable alice']);
  const enable = users
    .command('enable')
    .argument('<name>', 'user name')
    .description('Let a disabled operator in again, with the same factors.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: UserOptions) => {
      const result = await callProxy(cli, options, 'user.enable', { username: name }, cut);
      report(cli, options, result, `${printable(name)} is enabled.`);
    });
  examples(withProxyPlace(enable), ['drawbridge proxy user enable alice']);
  const groups = users
    .command('groups')
    .argument('<name>', 'user name')
    .argument('[groups...]', 'all groups of the operator from now on; none takes all of them away')
    .description('Replace the groups of an operator. What was open is cut if a group is taken away.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, wanted: string[], options: UserOptions) => {
      const params = { username: name, groups: wanted.flatMap((text) => nameList(text)) };
      const result = await callProxy(cli, options, 'user.groups', params, cut);
      const now = params.groups.length === 0 ? 'in no group' : `in ${params.groups.join(', ')}`;
      report(cli, options, result, printable(`${name} is ${now}.`));
    });
  examples(withProxyPlace(groups), ['drawbridge proxy user groups alice support dba']);
  const reset = users
    .command('reset-mfa')
    .argument('<name>', 'user name')
    .description(
      'Make a new authenticator secret and new recovery codes. The old ones, all security keys and logins of the\n' +
        'operator are worth nothing from then on, and what was open is cut.',
    )
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: UserOptions) => {
      const made = await callProxy(cli, options, 'user.reset-mfa', { username: name }, secrets);
      showSecrets(cli, name, made, options);
    });
  examples(withProxyPlace(reset), ['drawbridge proxy user reset-mfa alice']);
  const codes = users
    .command('recovery-codes')
    .argument('<name>', 'user name')
    .description('Make ten new recovery codes; the old ones are worth nothing from then on.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: UserOptions) => {
      const made = await callProxy(cli, options, 'user.recovery-codes', { username: name }, secrets);
      showSecrets(cli, name, made, options);
    });
  examples(withProxyPlace(codes), ['drawbridge proxy user recovery-codes alice']);
  registerAuthenticatorLink(users, cli);
  registerKeys(users, cli);
  registerSecurityKeys(users, cli);
}

function registerKeys(users: Command, cli: Cli): void {
  const keys = users
    .command('key')
    .description('Register SSH keys for sign-in with a key and a one-time code.');
  const add = keys
    .command('add')
    .argument('<name>', 'user name')
    .argument('<file>', 'public key file, such as id_ed25519.pub')
    .description('Let an operator sign in with this key and a one-time code, from any ssh client.')
    .action(async (name: string, file: string, options: UserOptions) => {
      const publicKey = (await readText(file)).trim();
      await callProxy(cli, options, 'user.key.add', { username: name, publicKey }, z.unknown());
      cli.terminal.line(`The key is registered for ${printable(name)}.`);
    });
  examples(withProxyPlace(add), ['drawbridge proxy user key add alice id_ed25519.pub']);
  const list = keys
    .command('ls')
    .alias('list')
    .argument('[name]', 'user name; all operators if left out')
    .description('List the registered keys.')
    .option('--json', 'print them as JSON')
    .action(async (name: string | undefined, options: UserOptions) => {
      const params = name === undefined ? {} : { username: name };
      const found = await callProxy(cli, options, 'user.key.list', params, z.array(key));
      if (options.json === true) return cli.terminal.json(found);
      writeTable(
        cli.terminal,
        found,
        [
          { heading: 'USER', value: (row) => row.username ?? name ?? '' },
          { heading: 'FINGERPRINT', value: (row) => row.fingerprint },
          { heading: 'TYPE', value: (row) => row.publicLine?.split(' ')[0] ?? '' },
        ],
        'No key is registered.',
      );
    });
  examples(withProxyPlace(list), ['drawbridge proxy user key ls alice']);
  const remove = keys
    .command('rm')
    .alias('remove')
    .argument('<name>', 'user name')
    .argument('<fingerprint>', 'SHA256:… of the key, as `ls` lists it')
    .description('Take a key away and cut what it has open.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, fingerprint: string, options: UserOptions) => {
      const params = { username: name, fingerprint };
      const result = await callProxy(cli, options, 'user.key.remove', params, cut);
      report(cli, options, result, 'The key is removed.');
    });
  examples(withProxyPlace(remove), ['drawbridge proxy user key rm alice SHA256:…']);
}

/** Says what was done, and how many connections went with it. */
function report(cli: Cli, options: UserOptions, result: z.infer<typeof cut>, done: string): void {
  if (options.json === true) {
    cli.terminal.json(result);
    return;
  }
  cli.terminal.line(done);
  const count = result.cut ?? 0;
  if (count > 0)
    cli.terminal.note(count === 1 ? 'One connection was cut.' : `${count} connections were cut.`);
}

async function addUser(cli: Cli, name: string, options: UserOptions): Promise<void> {
  const password =
    options.passwordFile === undefined
      ? undefined
      : (await readText(options.passwordFile)).replace(/\r?\n$/, '');
  const params: Json = { username: name, groups: options.group ?? [], password };
  const made = await callProxy(cli, options, 'user.add', params, secrets);
  showSecrets(cli, name, made, options);
}

function showSecrets(cli: Cli, name: string, made: z.infer<typeof secrets>, options: UserOptions): void {
  if (options.json === true) {
    cli.terminal.json(made);
    return;
  }
  writeFacts(cli.terminal, [
    ['User', name],
    ['Password', made.password],
    ['Authenticator', made.totpUri],
    ['Secret', made.totpSecret],
  ]);
  if (made.totpUri !== undefined) writeQrCode(cli.terminal, made.totpUri);
  if (made.recoveryCodes !== undefined) {
    cli.terminal.line('Recovery codes, each good once in place of a code of the authenticator:');
    for (const code of made.recoveryCodes) cli.terminal.line(`  ${printable(code)}`);
  }
  cli.terminal.note('These are shown only now.');
}

async function listUsers(cli: Cli, options: UserOptions): Promise<void> {
  const users = await callProxy(cli, options, 'user.list', {}, z.array(user));
  if (options.json === true) {
    cli.terminal.json(users);
    return;
  }
  writeTable(
    cli.terminal,
    users,
    [
      { heading: 'NAME', value: (row) => row.username },
      { heading: 'STATE', value: (row) => (row.disabled === true ? 'disabled' : 'active') },
      { heading: 'SSH KEYS', value: (row) => String(row.keys ?? 0), align: 'right' },
      { heading: 'SECURITY KEYS', value: (row) => String(row.securityKeys ?? 0), align: 'right' },
      { heading: 'RECOVERY CODES', value: (row) => String(row.recoveryCodes ?? 0), align: 'right' },
      { heading: 'GROUPS', value: (row) => row.groups.join(' ') },
    ],
    'There is no operator yet. Add one with `drawbridge proxy user add NAME`.',
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file, 'utf8');
  } catch (error) {
    throw new DrawbridgeError(
      'usage.file',
      `The file ${file} can't be read (${systemCodeOf(error) ?? 'unknown'}).`,
      {
        cause: error,
      },
    );
  }
}
