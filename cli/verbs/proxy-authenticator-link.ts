import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addProxyVerb } from '../proxy-verb.ts';
import { setUpLink, showLink } from './set-up-link.ts';

/** `drawbridge proxy user authenticator-link`. */
export function registerAuthenticatorLink(users: Command, cli: Cli): void {
  addProxyVerb(users, cli, {
    name: 'authenticator-link',
    arguments: [['<name>', 'user name']],
    about:
      'Make a link with which the operator sets up a new authenticator on the page of the proxy, by QR code, within\n' +
      '30 minutes. Nobody else sees its secret. The one before, its recovery codes and all logins end with it.',
    examples: ['drawbridge proxy user authenticator-link alice'],
    method: 'user.authenticator.link',
    params: ([username = '']) => ({ username }),
    answer: setUpLink,
    show: (made, [name = '']) => showLink(cli, name, made, {}),
  });
}
