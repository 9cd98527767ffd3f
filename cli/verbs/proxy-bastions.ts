import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples } from '../cli.ts';
import { createdToken } from '../control.ts';
import { formatTime } from '../format.ts';
import { callProxy, withProxyPlace } from '../proxy-administration.ts';
import { addProxyVerb, type ProxyVerbOptions } from '../proxy-verb.ts';
import type { PlaceOptions } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

interface ResetOptions extends ProxyVerbOptions {
  readonly reason: string;
}

interface CheckpointOptions extends PlaceOptions {
  readonly all?: boolean;
}

const NAME = ['<name>', 'name of the site'] as const;

const bastion = z.looseObject({
  name: z.string(),
  id: z.string(),
  online: z.boolean().optional(),
  tunnels: z.number().optional(),
  revokedAt: z.string().optional(),
  witness: z
    .looseObject({
      state: z.enum(['none', 'consistent', 'refused']),
      events: z.number().optional(),
      witnessedAt: z.string().optional(),
      refusal: z.looseObject({ message: z.string(), since: z.string() }).optional(),
    })
    .optional(),
});

/** `drawbridge proxy bastion ls|token|revoke|checkpoints|reset-witness`. */
export function registerProxyBastions(proxy: Command, cli: Cli): void {
  const { terminal } = cli;
  const bastions = proxy.command('bastion').description("Invite customers' bastions, list and revoke them.");
  addProxyVerb(bastions, cli, {
    name: 'ls',
    alias: 'list',
    about: 'List the bastions and whether they are connected.',
    examples: ['drawbridge proxy bastion ls'],
    method: 'bastion.list',
    answer: z.array(bastion),
    show: (found) => showBastions(cli, found),
  });
  addProxyVerb(bastions, cli, {
    name: 'token',
    arguments: [['<name>', 'name of the site, as operators will write it behind the host: web-1.NAME']],
    about: 'Create a token with which one bastion joins, once, within 30 minutes. It is shown only now.',
    examples: ['drawbridge proxy bastion token acme'],
    method: 'bastion.token',
    params: ([name = '']) => ({ name }),
    answer: createdToken.partial({ name: true }),
    show: ({ command, expiresAt }) => {
      terminal.note(`Give this line to the customer before ${formatTime(expiresAt)}; it works once:`);
      terminal.line(command);
    },
  });
  addProxyVerb(bastions, cli, {
    name: 'revoke',
    arguments: [NAME],
    about: 'Cut this bastion at once and never let it back in with its present key.',
    examples: ['drawbridge proxy bastion revoke acme'],
    method: 'bastion.revoke',
    params: ([name = '']) => ({ name }),
    answer: z.unknown(),
    show: (_result, [name = '']) => terminal.line(`Bastion ${printable(name)} is revoked.`),
  });
  addProxyVerb<unknown, ResetOptions>(bastions, cli, {
    name: 'reset-witness',
    arguments: [NAME],
    options: (command) =>
      command.requiredOption('--reason <text>', 'why the history may be another one now; it is audited'),
    about:
      "Take this bastion's next checkpoint as a new beginning, after it was restored from a backup.\nAsk the customer first: until then the refusal is a sign of a history that was rolled back.",
    examples: [
      "drawbridge proxy bastion reset-witness acme --reason 'restored the backup of 12 May, ticket 4711'",
    ],
    method: 'bastion.reset-witness',
    params: ([name = ''], { reason }) => ({ name, reason }),
    answer: z.unknown(),
    show: (_result, [name = '']) =>
      terminal.line(`The next checkpoint of ${printable(name)} is taken as a new beginning.`),
  });
  registerCheckpoints(bastions, cli);
}

/** Not a verb like the others: its lines are for `audit verify`, whoever reads them. */
function registerCheckpoints(bastions: Command, cli: Cli): void {
  const checkpoints = bastions
    .command('checkpoints')
    .argument(...NAME)
    .option('--all', 'also those from before the witness began anew')
    .description(
      "Print the latest counter-signed checkpoints of this bastion's audit log as JSON lines, for `audit verify --checkpoints`.",
    )
    .action((name: string, options: CheckpointOptions) => printCheckpoints(cli, name, options));
  examples(withProxyPlace(checkpoints), [
    'drawbridge proxy bastion checkpoints acme > acme-checkpoints.jsonl',
  ]);
}

function showBastions(cli: Cli, found: readonly z.infer<typeof bastion>[]): void {
  const { styles } = cli.terminal;
  const stateOf = (row: z.infer<typeof bastion>): string => {
    if (row.revokedAt !== undefined) return 'revoked';
    return row.online === true || (row.tunnels ?? 0) > 0 ? 'online' : 'offline';
  };
  writeTable(
    cli.terminal,
    found,
    [
      { heading: 'NAME', value: (row) => row.name },
      {
        heading: 'STATE',
        value: stateOf,
        paint: (text, row) => (stateOf(row) === 'online' ? styles.good(text) : styles.bad(text)),
      },
      {
        heading: 'WITNESS',
        value: witnessText,
        paint: (text, row) => (row.witness?.state === 'refused' ? styles.bad(text) : text),
      },
      { heading: 'ID', value: (row) => row.id },
    ],
    'There is no bastion yet. Invite one with `drawbridge proxy bastion token NAME`.',
  );
  for (const { name, witness } of found) {
    if (witness?.refusal === undefined) continue;
    cli.terminal.note(
      `${name}: ${printable(witness.refusal.message)} (since ${formatTime(witness.refusal.since)})`,
    );
  }
}

function witnessText({ witness }: z.infer<typeof bastion>): string {
  if (witness === undefined || witness.state === 'none') return 'nothing yet';
  if (witness.state === 'refused') return 'REFUSED';
  return `${witness.events ?? 0} events, ${formatTime(witness.witnessedAt ?? '')}`;
}

const checkpoint = z.looseObject({ epoch: z.number(), size: z.number(), note: z.string(), atMs: z.number() });

async function printCheckpoints(cli: Cli, name: string, options: CheckpointOptions): Promise<void> {
  const found = await callProxy(cli, options, 'bastion.checkpoints', { name }, z.array(checkpoint));
  const epoch = found.at(-1)?.epoch;
  for (const { atMs, ...rest } of found) {
    if (options.all !== true && rest.epoch !== epoch) continue;
    cli.terminal.line(JSON.stringify({ time: new Date(atMs).toISOString(), ...rest }));
  }
}
