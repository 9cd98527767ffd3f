import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { loadNodeIdentity, rotateNodeIdentity } from '../../shared/identity/node-identity.ts';
import { renewSshKeyFile } from '../../shared/ssh/renew-key.ts';
import { type Cli, examples } from '../cli.ts';
import { configPathOf, readRolePlace } from '../role-config.ts';
import { writeFacts } from '../table.ts';

/** What can be renewed. */
type KeyName = 'identity' | 'ssh-host' | 'ssh-client';

interface RotateOptions {
  readonly of: KeyName;
  readonly config?: string;
  readonly json?: boolean;
}

/** `drawbridge proxy|bastion|agent rotate-key`. */
export function registerRotateKey(
  parent: Command,
  cli: Cli,
  role: { readonly name: 'proxy' | 'bastion' | 'agent'; readonly defaultConfig: string },
): void {
  const keys: readonly KeyName[] =
    role.name === 'bastion' ? ['identity', 'ssh-host', 'ssh-client'] : ['identity', 'ssh-host'];
  const rotate = parent
    .command('rotate-key')
    .description(
      `Give this ${role.name} a new key. Its id stays, and whoever has pinned the old key follows by itself.\nIt takes effect at the next start. After a theft, revoke and enrol anew instead (docs/key-rotation.md).`,
    )
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${role.defaultConfig})`)
    .addOption(
      new Option('--of <key>', `which key: ${keys.join(', ')}`).choices([...keys]).default('identity'),
    )
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
  const { id, from, to } = await renew(options.of, place.dataDir);
  if (options.json === true) {
    cli.terminal.json({ id, from, to });
    return;
  }
  writeFacts(cli.terminal, [
    ['Id', id],
    ['Old key', from],
    ['New key', to],
  ]);
  cli.terminal.note(
    `Start the ${role.name} (again), so that it uses the new key: \`drawbridge ${role.name} start\`.`,
  );
}

async function renew(key: KeyName, dataDir: string): Promise<{ id: string; from: string; to: string }> {
  if (key === 'identity') {
    const { before, after } = await rotateNodeIdentity(dataDir, systemClock);
    return { id: after.id, from: before.thumbprint, to: after.thumbprint };
  }
  const { id, name } = await loadNodeIdentity(dataDir);
  const file = key === 'ssh-host' ? 'ssh_host_ed25519_key' : 'ssh_client_ed25519_key';
  const { before, after } = await renewSshKeyFile(join(dataDir, file), `drawbridge-${name}`);
  return { id, from: before, to: after };
}

function article(role: 'proxy' | 'bastion' | 'agent'): string {
  return role === 'agent' ? 'an agent' : `a ${role}`;
}
