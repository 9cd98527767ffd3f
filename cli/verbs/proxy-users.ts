import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, nameList } from '../cli.ts';
import { addProxyVerb, type ProxyVerbOptions } from '../proxy-verb.ts';
import { writeQrCode } from '../qr-code.ts';
import { writeFacts, writeTable } from '../table.ts';
import { printable } from '../terminal.ts';
import { readGivenFile } from './given-file.ts';
import { registerAuthenticatorLink } from './proxy-authenticator-link.ts';
import { registerSecurityKeys } from './proxy-security-keys.ts';
import { registerUserKeys } from './proxy-user-keys.ts';
import { cutAnswer, sayWhatWasCut } from './what-was-cut.ts';

interface AddOptions extends ProxyVerbOptions {
  readonly group?: string[];
  readonly passwordFile?: string;
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

const NAME = ['<name>', 'user name'] as const;

/** `drawbridge proxy user add|ls|enable|disable|groups|reset-mfa|recovery-codes|authenticator-link|key|security-key`. */
export function registerProxyUsers(proxy: Command, cli: Cli): void {
  const users = proxy.command('user').description('Add operators, list them, and change how they sign in.');
  addProxyVerb<z.infer<typeof secrets>, AddOptions>(users, cli, {
    name: 'add',
    arguments: [NAME],
    about: 'Add an operator. Password and authenticator secret are shown only now.',
    examples: ['drawbridge proxy user add alice --group support,dba'],
    options: (command) =>
      command
        .option(
          '--group <names>',
          'groups that the customers’ policies name, separated by commas; may be repeated',
          nameList,
        )
        .option('--password-file <file>', 'file with the password; one is made up if left out'),
    method: 'user.add',
    params: async ([username = ''], { group = [], passwordFile }) => ({
      username,
      groups: group,
      password:
        passwordFile === undefined ? undefined : (await readGivenFile(passwordFile)).replace(/\r?\n$/, ''),
    }),
    answer: secrets,
    show: (made, [name = '']) => showSecrets(cli, name, made),
  });
  addProxyVerb(users, cli, {
    name: 'ls',
    alias: 'list',
    about: 'List the operators.',
    examples: ['drawbridge proxy user ls'],
    method: 'user.list',
    answer: z.array(user),
    show: (found) => showUsers(cli, found),
  });
  registerRights(users, cli);
  registerFactors(users, cli);
  registerAuthenticatorLink(users, cli);
  registerUserKeys(users, cli);
  registerSecurityKeys(users, cli);
}

function registerRights(users: Command, cli: Cli): void {
  addProxyVerb(users, cli, {
    name: 'disable',
    arguments: [NAME],
    about: 'Refuse this operator from now on, end their logins and cut what they have open.',
    examples: ['drawbridge proxy user disable alice'],
    method: 'user.disable',
    params: ([username = '']) => ({ username }),
    answer: cutAnswer,
    show: (result, [name = '']) => sayWhatWasCut(cli, `${printable(name)} is disabled.`, result),
  });
  addProxyVerb(users, cli, {
    name: 'enable',
    arguments: [NAME],
    about: 'Let a disabled operator in again, with the same factors.',
    examples: ['drawbridge proxy user enable alice'],
    method: 'user.enable',
    params: ([username = '']) => ({ username }),
    answer: cutAnswer,
    show: (result, [name = '']) => sayWhatWasCut(cli, `${printable(name)} is enabled.`, result),
  });
  addProxyVerb(users, cli, {
    name: 'groups',
    arguments: [NAME, ['[groups...]', 'all groups of the operator from now on; none takes all of them away']],
    about: 'Replace the groups of an operator. What was open is cut if a group is taken away.',
    examples: ['drawbridge proxy user groups alice support dba'],
    method: 'user.groups',
    params: ([username = '', ...groups]) => ({ username, groups: groups.flatMap((text) => nameList(text)) }),
    answer: cutAnswer,
    show: (result, [name = '', ...groups]) => {
      const wanted = groups.flatMap((text) => nameList(text));
      const now = wanted.length === 0 ? 'in no group' : `in ${wanted.join(', ')}`;
      sayWhatWasCut(cli, printable(`${name} is ${now}.`), result);
    },
  });
}

function registerFactors(users: Command, cli: Cli): void {
  addProxyVerb(users, cli, {
    name: 'reset-mfa',
    arguments: [NAME],
    about:
      'Make a new authenticator secret and new recovery codes. The old ones, all security keys and logins of the\n' +
      'operator are worth nothing from then on, and what was open is cut.',
    examples: ['drawbridge proxy user reset-mfa alice'],
    method: 'user.reset-mfa',
    params: ([username = '']) => ({ username }),
    answer: secrets,
    show: (made, [name = '']) => showSecrets(cli, name, made),
  });
  addProxyVerb(users, cli, {
    name: 'recovery-codes',
    arguments: [NAME],
    about: 'Make ten new recovery codes; the old ones are worth nothing from then on.',
    examples: ['drawbridge proxy user recovery-codes alice'],
    method: 'user.recovery-codes',
    params: ([username = '']) => ({ username }),
    answer: secrets,
    show: (made, [name = '']) => showSecrets(cli, name, made),
  });
}

function showSecrets({ terminal }: Cli, name: string, made: z.infer<typeof secrets>): void {
  writeFacts(terminal, [
    ['User', name],
    ['Password', made.password],
    ['Authenticator', made.totpUri],
    ['Secret', made.totpSecret],
  ]);
  if (made.totpUri !== undefined) writeQrCode(terminal, made.totpUri);
  if (made.recoveryCodes !== undefined) {
    terminal.line('Recovery codes, each good once in place of a code of the authenticator:');
    for (const code of made.recoveryCodes) terminal.line(`  ${printable(code)}`);
  }
  terminal.note('These are shown only now.');
}

function showUsers({ terminal }: Cli, users: readonly z.infer<typeof user>[]): void {
  writeTable(
    terminal,
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
