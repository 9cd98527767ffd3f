import type { Command } from 'commander';
import { z } from 'zod';
import type { Cli } from '../cli.ts';
import { addProxyVerb } from '../proxy-verb.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';
import { readGivenFile } from './given-file.ts';
import { cutAnswer, sayWhatWasCut } from './what-was-cut.ts';

const key = z.looseObject({
  fingerprint: z.string(),
  username: z.string().optional(),
  publicLine: z.string().optional(),
});

/** `drawbridge proxy user key add|ls|rm`. */
export function registerUserKeys(users: Command, cli: Cli): void {
  const { terminal } = cli;
  const keys = users
    .command('key')
    .description('Register SSH keys for sign-in with a key and a one-time code.');
  addProxyVerb(keys, cli, {
    name: 'add',
    arguments: [
      ['<name>', 'user name'],
      ['<file>', 'public key file, such as id_ed25519.pub'],
    ],
    about: 'Let an operator sign in with this key and a one-time code, from any ssh client.',
    examples: ['drawbridge proxy user key add alice id_ed25519.pub'],
    method: 'user.key.add',
    params: async ([username = '', file = '']) => ({
      username,
      publicKey: (await readGivenFile(file)).trim(),
    }),
    answer: z.unknown(),
    show: (_result, [name = '']) => terminal.line(`The key is registered for ${printable(name)}.`),
  });
  addProxyVerb(keys, cli, {
    name: 'ls',
    alias: 'list',
    arguments: [['[name]', 'user name; all operators if left out']],
    about: 'List the registered keys.',
    examples: ['drawbridge proxy user key ls alice'],
    method: 'user.key.list',
    params: ([username]) => (username === undefined ? {} : { username }),
    answer: z.array(key),
    show: (found, [name]) =>
      writeTable(
        terminal,
        found,
        [
          { heading: 'USER', value: (row) => row.username ?? name ?? '' },
          { heading: 'FINGERPRINT', value: (row) => row.fingerprint },
          { heading: 'TYPE', value: (row) => row.publicLine?.split(' ')[0] ?? '' },
        ],
        'No key is registered.',
      ),
  });
  addProxyVerb(keys, cli, {
    name: 'rm',
    alias: 'remove',
    arguments: [
      ['<name>', 'user name'],
      ['<fingerprint>', 'SHA256:… of the key, as `ls` lists it'],
    ],
    about: 'Take a key away and cut what it has open.',
    examples: ['drawbridge proxy user key rm alice SHA256:…'],
    method: 'user.key.remove',
    params: ([username = '', fingerprint = '']) => ({ username, fingerprint }),
    answer: cutAnswer,
    show: (result) => sayWhatWasCut(cli, 'The key is removed.', result),
  });
}
