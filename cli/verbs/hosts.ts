import { z } from 'zod';
import type { ReachableHost } from '../../operator/hosts.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { callRole, type HostSummary, hostSummary } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

interface ListOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly home?: string;
}

/** `drawbridge hosts` (operator) and `drawbridge hosts ls|revoke|forget-key` (customer). */
export const registerHosts: RegisterVerb = (program, cli) => {
  const hosts = program
    .command('hosts')
    .description(
      'Without a subcommand: the hosts that you, an operator, can reach.\nWith one: the hosts of the bastion on this machine.',
    )
    .option('--home <dir>', 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)')
    .option('--json', 'print them as JSON')
    .enablePositionalOptions()
    .action((options: ListOptions) => listReachable(cli, options));
  const list = hosts
    .command('ls')
    .description("List the bastion's hosts and whether they are connected.")
    .option('--json', 'print them as JSON')
    .action((options: ListOptions) => listHosts(cli, options));
  const revoke = hosts
    .command('revoke')
    .argument('<name>', 'name of the host')
    .description('Cut the agent of a host at once and never let it back in with its present key.')
    .action((name: string, options: PlaceOptions) => revokeHost(cli, name, options));
  const forget = hosts
    .command('forget-key')
    .argument('<name>', 'name of the host')
    .description(
      'Forget the pinned key of a host whose own sshd ends the session, after it was set up anew.\nThe key of the next connection is pinned instead.',
    )
    .action((name: string, options: PlaceOptions) => forgetKey(cli, name, options));
  examples(hosts, ['drawbridge hosts', 'drawbridge hosts ls --json', 'drawbridge hosts revoke web-1']);
  examples(withPlace(list), ['drawbridge hosts ls']);
  examples(withPlace(revoke), ['drawbridge hosts revoke web-1']);
  examples(withPlace(forget), ['drawbridge hosts forget-key web-1']);
};

function labelsOf(host: HostSummary): string {
  return Object.entries(host.labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** An agent that was stopped in order is not a host that is in trouble. */
function presence(host: HostSummary): string {
  if (host.online) return 'online';
  return host.away?.code === 'agent.stopping' ? 'stopped' : 'offline';
}

async function listHosts(cli: Cli, options: ListOptions): Promise<void> {
  const hosts = await callRole(cli, options, 'hosts.list', {}, z.array(hostSummary));
  if (options.json === true) {
    cli.terminal.json(hosts);
    return;
  }
  const { styles } = cli.terminal;
  writeTable(
    cli.terminal,
    hosts,
    [
      { heading: 'NAME', value: (host) => host.name },
      {
        heading: 'STATE',
        value: presence,
        paint: (text, host) => (host.online ? styles.good(text) : styles.bad(text)),
      },
      { heading: 'VIA', value: (host) => `${host.via}, ${host.target}` },
      { heading: 'VERSION', value: (host) => host.version ?? '' },
      {
        heading: 'LAST SEEN',
        value: (host) => (host.lastSeenAt === undefined ? '' : formatTime(host.lastSeenAt)),
      },
      { heading: 'LABELS', value: labelsOf },
    ],
    'There is no host yet. Create a token with `drawbridge token create NAME` and paste its line on the host.',
  );
}

async function revokeHost(cli: Cli, name: string, options: PlaceOptions): Promise<void> {
  await callRole(cli, options, 'hosts.revoke', { name }, z.unknown());
  cli.terminal.line(`Host ${printable(name)} is revoked.`);
}

async function forgetKey(cli: Cli, name: string, options: PlaceOptions): Promise<void> {
  await callRole(cli, options, 'hosts.forget_key', { name }, z.unknown());
  cli.terminal.line(`The pinned key of ${printable(name)} is forgotten.`);
}

async function listReachable(cli: Cli, options: ListOptions): Promise<void> {
  const { openHome } = await import('../../operator/home.ts');
  const { askForHosts } = await import('../../operator/hosts.ts');
  const { hosts, silent } = await askForHosts(openHome(options.home, cli.env), cli.env);
  if (options.json === true) {
    cli.terminal.json(hosts);
    return;
  }
  const { styles } = cli.terminal;
  writeTable(
    cli.terminal,
    hosts,
    [
      { heading: 'HOST', value: (host) => host.name },
      {
        heading: 'STATE',
        value: stateOf,
        paint: (text) => (text.trim() === 'online' ? styles.good(text) : styles.bad(text)),
      },
      { heading: 'LOGINS', value: (host) => host.logins?.join(' ') ?? '' },
      { heading: 'NOTE', value: noteOf },
    ],
    'No host is within your reach. The customer may have turned remote access off, or the policy may not name you.',
  );
  for (const { name, problem } of silent) cli.terminal.note(printable(`${name}: ${problem}`));
}

/** `closed`: the host is there, and the policy lets this operator in with no login at this moment. */
function stateOf(host: ReachableHost): 'online' | 'offline' | 'closed' {
  if (!host.online) return 'offline';
  return host.problem === undefined ? 'online' : 'closed';
}

function noteOf(host: ReachableHost): string {
  return host.problem ?? (host.needsApproval === true ? "The customer's approval is asked for there." : '');
}
