import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples } from '../cli.ts';
import { formatTime } from '../format.ts';
import { callProxy, withProxyPlace } from '../proxy-administration.ts';
import type { PlaceOptions } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { setUpLink, showLink } from './set-up-link.ts';

interface SecurityKeyOptions extends PlaceOptions {
  readonly json?: boolean;
}

const securityKey = z.looseObject({
  username: z.string(),
  name: z.string(),
  deviceBound: z.boolean(),
  addedAt: z.string(),
  lastUsedAt: z.string().optional(),
});

/** `drawbridge proxy user security-key link|ls|rm`. */
export function registerSecurityKeys(users: Command, cli: Cli): void {
  const keys = users
    .command('security-key')
    .description(
      'Security keys and passkeys (WebAuthn) of operators, for sign-in without password and code.',
    );
  const create = keys
    .command('link')
    .argument('<name>', 'user name')
    .description('Make a link with which the operator registers one security key, within 30 minutes.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: SecurityKeyOptions) => {
      const made = await callProxy(cli, options, 'user.security-key.link', { username: name }, setUpLink);
      showLink(cli, name, made, options);
    });
  examples(withProxyPlace(create), ['drawbridge proxy user security-key link alice']);
  const list = keys
    .command('ls')
    .alias('list')
    .argument('[name]', 'user name; all operators if left out')
    .description('List the registered security keys.')
    .option('--json', 'print them as JSON')
    .action(async (name: string | undefined, options: SecurityKeyOptions) => {
      const params = name === undefined ? {} : { username: name };
      const found = await callProxy(cli, options, 'user.security-key.list', params, z.array(securityKey));
      if (options.json === true) return cli.terminal.json(found);
      writeTable(
        cli.terminal,
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
      );
    });
  examples(withProxyPlace(list), ['drawbridge proxy user security-key ls alice']);
  const remove = keys
    .command('rm')
    .alias('remove')
    .argument('<name>', 'user name')
    .argument('<key>', 'name of the security key, as `ls` lists it')
    .description('Take a security key away. Logins that were made with it go on until they end.')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, key: string, options: SecurityKeyOptions) => {
      const params = { username: name, name: key };
      const result = await callProxy(cli, options, 'user.security-key.remove', params, z.looseObject({}));
      if (options.json === true) return cli.terminal.json(result);
      cli.terminal.line('The security key is removed.');
    });
  examples(withProxyPlace(remove), ['drawbridge proxy user security-key rm alice yubikey']);
}
