import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples } from '../cli.ts';
import { createdToken } from '../control.ts';
import { formatTime } from '../format.ts';
import { callProxy, withProxyPlace } from '../proxy-administration.ts';
import type { PlaceOptions } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

interface BastionOptions extends PlaceOptions {
  readonly json?: boolean;
}

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

/** `drawbridge proxy bastion ls|token|revoke|reset-witness`. They work with the proxy running and without. */
export function registerProxyBastions(proxy: Command, cli: Cli): void {
  const bastions = proxy.command('bastion').description("Invite customers' bastions, list and revoke them.");
  const list = bastions
    .command('ls')
    .alias('list')
    .description('List the bastions and whether they are connected.')
    .option('--json', 'print them as JSON')
    .action((options: BastionOptions) => listBastions(cli, options));
  examples(withProxyPlace(list), ['drawbridge proxy bastion ls']);
  const token = bastions
    .command('token')
    .argument('<name>', 'name of the site, as operators will write it behind the host: web-1.NAME')
    .description(
      'Create a token with which one bastion joins, once, within 30 minutes. It is shown only now.',
    )
    .option('--json', 'print it as JSON')
    .action((name: string, options: BastionOptions) => createToken(cli, name, options));
  examples(withProxyPlace(token), ['drawbridge proxy bastion token acme']);
  const revoke = bastions
    .command('revoke')
    .argument('<name>', 'name of the site')
    .description('Cut this bastion at once and never let it back in with its present key.')
    .action(async (name: string, options: BastionOptions) => {
      await callProxy(cli, options, 'bastion.revoke', { name }, z.unknown());
      cli.terminal.line(`Bastion ${printable(name)} is revoked.`);
    });
  examples(withProxyPlace(revoke), ['drawbridge proxy bastion revoke acme']);
  const checkpoints = bastions
    .command('checkpoints')
    .argument('<name>', 'name of the site')
    .option('--all', 'also those from before the witness began anew')
    .description(
      "Print the latest counter-signed checkpoints of this bastion's audit log as JSON lines, for `audit verify --checkpoints`.",
    )
    .action((name: string, options: BastionOptions & { all?: boolean }) =>
      printCheckpoints(cli, name, options),
    );
  examples(withProxyPlace(checkpoints), [
    'drawbridge proxy bastion checkpoints acme > acme-checkpoints.jsonl',
  ]);
  const reset = bastions
    .command('reset-witness')
    .argument('<name>', 'name of the site')
    .requiredOption('--reason <text>', 'why the history may be another one now; it is audited')
    .description(
      "Take this bastion's next checkpoint as a new beginning, after it was restored from a backup.\nAsk the customer first: until then the refusal is a sign of a history that was rolled back.",
    )
    .action(async (name: string, options: BastionOptions & { reason: string }) => {
      const { reason } = options;
      await callProxy(cli, options, 'bastion.reset-witness', { name, reason }, z.unknown());
      cli.terminal.line(`The next checkpoint of ${printable(name)} is taken as a new beginning.`);
    });
  examples(withProxyPlace(reset), [
    "drawbridge proxy bastion reset-witness acme --reason 'restored the backup of 12 May, ticket 4711'",
  ]);
}

async function listBastions(cli: Cli, options: BastionOptions): Promise<void> {
  const found = await callProxy(cli, options, 'bastion.list', {}, z.array(bastion));
  if (options.json === true) {
    cli.terminal.json(found);
    return;
  }
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

async function printCheckpoints(
  cli: Cli,
  name: string,
  options: BastionOptions & { all?: boolean },
): Promise<void> {
  const found = await callProxy(cli, options, 'bastion.checkpoints', { name }, z.array(checkpoint));
  const epoch = found.at(-1)?.epoch;
  for (const { atMs, ...rest } of found) {
    if (options.all !== true && rest.epoch !== epoch) continue;
    cli.terminal.line(JSON.stringify({ time: new Date(atMs).toISOString(), ...rest }));
  }
}

async function createToken(cli: Cli, name: string, options: BastionOptions): Promise<void> {
  const created = await callProxy(
    cli,
    options,
    'bastion.token',
    { name },
    createdToken.partial({ name: true }),
  );
  if (options.json === true) {
    cli.terminal.json(created);
    return;
  }
  cli.terminal.note(`Give this line to the customer before ${formatTime(created.expiresAt)}; it works once:`);
  cli.terminal.line(created.command);
}
