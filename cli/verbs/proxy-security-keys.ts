import type { Command } from 'commander';
import { z } from 'zod';
import type { Cli } from '../cli.ts';
import { formatTime } from '../format.ts';
import { addProxyVerb } from '../proxy-verb.ts';
import { writeTable } from '../table.ts';
import { setUpLink, showLink } from './set-up-link.ts';

const securityKey = z.looseObject({
  username: z.string(),
  name: z.string(),
  deviceBound: z.boolean(),
  addedAt: z.string(),
  lastUsedAt: z.string().optional(),
});

/** `drawbridge proxy user security-key link|ls|rm`. */
export function registerSecurityKeys(users: Command, cli: Cli): void {
  const { terminal } = cli;
  const keys = users
    .command('security-key')
    .description(
      'Security keys and passkeys (WebAuthn) of operators, for sign-in without password and code.',
    );
  addProxyVerb(keys, cli, {
    name: 'link',
    arguments: [['<name>', 'user name']],
    about: 'Make a link with which the operator registers one security key, within 30 minutes.',
    examples: ['drawbridge proxy user security-key link alice'],
    method: 'user.security-key.link',
    params: ([username = '']) => ({ username }),
    answer: setUpLink,
    show: (made, [name = '']) => showLink(cli, name, made, {}),
  });
  addProxyVerb(keys, cli, {
    name: 'ls',
    alias: 'list',
    arguments: [['[name]', 'user name; all operators if left out']],
    about: 'List the registered security keys.',
    examples: ['drawbridge proxy user security-key ls alice'],
    method: 'user.security-key.list',
    params: ([username]) => (username === undefined ? {} : { username }),
    answer: z.array(securityKey),
    show: (found) =>
      writeTable(
        terminal,
        found,
        [
          { heading: 'USER', value: (row) => row.username },
          { heading: 'NAME', value: (row) => row.name },
          { heading: 'KIND', value: (row) => (row.deviceBound ? 'device-bound' : 'synced passkey') },
          { heading: 'ADDED', value: (row) => formatTime(row.addedAt) },
          {
            heading: 'LAST USED',
            value: (row) => (row.lastUsedAt === undefined ? 'never' : formatTime(row.lastUsedAt)),
          },
        ],
        'No security key is registered.',
      ),
  });
  addProxyVerb(keys, cli, {
    name: 'rm',
    alias: 'remove',
    arguments: [
      ['<name>', 'user name'],
      ['<key>', 'name of the security key, as `ls` lists it'],
    ],
    about: 'Take a security key away. Logins that were made with it go on until they end.',
    examples: ['drawbridge proxy user security-key rm alice yubikey'],
    method: 'user.security-key.remove',
    params: ([username = '', name = '']) => ({ username, name }),
    answer: z.looseObject({}),
    show: () => terminal.line('The security key is removed.'),
  });
}
