import type { Command } from 'commander';
import { type Cli, examples } from '../cli.ts';
import { callProxy, withProxyPlace } from '../proxy-administration.ts';
import { type LinkOptions, setUpLink, showLink } from './set-up-link.ts';

/** `drawbridge proxy user authenticator-link`. */
export function registerAuthenticatorLink(users: Command, cli: Cli): void {
  const create = users
    .command('authenticator-link')
    .argument('<name>', 'user name')
    .description(
      'Make a link with which the operator sets up a new authenticator on the page of the proxy, by QR code, within\n' +
        '30 minutes. Nobody else sees its secret. The one before, its recovery codes and all logins end with it.',
    )
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: LinkOptions) => {
      const made = await callProxy(cli, options, 'user.authenticator.link', { username: name }, setUpLink);
      showLink(cli, name, made, options);
    });
  examples(withProxyPlace(create), ['drawbridge proxy user authenticator-link alice']);
}
