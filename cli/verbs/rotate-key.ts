import type { Command } from 'commander';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { rotateNodeIdentity } from '../../shared/identity/node-identity.ts';
import { type Cli, examples } from '../cli.ts';
import { configPathOf, readRolePlace } from '../role-config.ts';
import { writeFacts } from '../table.ts';

interface RotateOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** `drawbridge proxy|bastion|agent rotate-key`. */
export function registerRotateKey(
  parent: Command,
  cli: Cli,
  role: { readonly name: 'proxy' | 'bastion' | 'agent'; readonly defaultConfig: string },
): void {
  const rotate = parent
    .command('rotate-key')
    .description(
      `Give this ${role.name} a new identity key. Its id stays, and whoever has pinned the old key follows by itself.\nIt takes effect at the next start. After a theft, revoke and enrol anew instead (docs/key-rotation.md).`,
    )
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${role.defaultConfig})`)
    .option('--json', 'print the result as JSON')
    .action((options: RotateOptions) => rotateKey(cli, options, role));
  examples(rotate, [`drawbridge ${role.name} rotate-key --config ${role.name}.yaml`]);
}

async function rotateKey(
  cli: Cli,
  options: RotateOptions,
  role: { readonly name: 'proxy' | 'bastion' | 'agent'; readonly defaultConfig: string },
): Promise<void> {
  const place = await readRolePlace(configPathOf(options, cli, role.defaultConfig));
  if (place.role !== role.name) {
    throw new DrawbridgeError(
      'usage.wrong_role',
      `${place.configPath} is the configuration of ${article(place.role)}, not of ${article(role.name)}.`,
      { hint: `Use \`drawbridge ${place.role} rotate-key\`, or name another file with --config.` },
    );
  }
  const { before, after } = await rotateNodeIdentity(place.dataDir, systemClock);
  if (options.json === true) {
    cli.terminal.json({ id: after.id, from: before.thumbprint, to: after.thumbprint });
    return;
  }
  writeFacts(cli.terminal, [
    ['Id', after.id],
    ['Old key', before.thumbprint],
    ['New key', after.thumbprint],
  ]);
  cli.terminal.note(
    `Start the ${role.name} (again), so that it uses the new key: \`drawbridge ${role.name} start\`.`,
  );
}

function article(role: 'proxy' | 'bastion' | 'agent'): string {
  return role === 'agent' ? 'an agent' : `a ${role}`;
}
