import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';
import type { Cli } from './cli.ts';

/** Where an installation keeps the bastion's configuration. */
export const DEFAULT_BASTION_CONFIG = '/etc/drawbridge/bastion.yaml';
/** Name of the control socket in a role's data directory. */
export const CONTROL_SOCKET = 'control.sock';

/** What verbs need to know of a role's configuration without being that role. */
export interface RolePlace {
  readonly role: 'proxy' | 'bastion' | 'agent';
  readonly configPath: string;
  readonly dataDir: string;
  readonly socketPath: string;
  /** Where recordings are, for a bastion. */
  readonly recordingsDir: string;
}

/** The options of every verb that talks to a role on this machine. */
export interface PlaceOptions {
  readonly config?: string;
  readonly socket?: string;
}

/** Adds `--config` and `--socket` to a verb. */
export function withPlace(command: Command): Command {
  return command
    .option('--config <file>', `configuration of the role (env DRAWBRIDGE_CONFIG; ${DEFAULT_BASTION_CONFIG})`)
    .option('--socket <path>', 'control socket of the running role (env DRAWBRIDGE_SOCKET)');
}

/** The configuration file that the options, the environment or the default name. */
export function configPathOf(options: PlaceOptions, cli: Cli, fallback = DEFAULT_BASTION_CONFIG): string {
  return resolve(options.config ?? cli.env['DRAWBRIDGE_CONFIG'] ?? fallback);
}

/**
 * Reads where a role keeps its things. Only the few keys that say so are read: a fault elsewhere in the file must not
 * keep an administrator from turning access off.
 * @throws `config.missing`, `config.unreadable`, `config.invalid`
 */
export async function readRolePlace(configPath: string): Promise<RolePlace> {
  const document = readObject(await readConfigText(configPath), configPath);
  const role = document['role'];
  if (role !== 'proxy' && role !== 'bastion' && role !== 'agent') {
    throw new DrawbridgeError('config.invalid', `${configPath}: role: must be proxy, bastion or agent.`);
  }
  const folder = dirname(configPath);
  const dataDirText = document['dataDir'];
  if (typeof dataDirText !== 'string' || dataDirText === '') {
    throw new DrawbridgeError('config.invalid', `${configPath}: dataDir: must name the data directory.`);
  }
  const dataDir = resolve(folder, dataDirText);
  const recordings = document['recordings'];
  const directory =
    typeof recordings === 'object' && recordings !== null && 'directory' in recordings
      ? recordings.directory
      : undefined;
  return {
    role,
    configPath,
    dataDir,
    socketPath: join(dataDir, CONTROL_SOCKET),
    recordingsDir: typeof directory === 'string' ? resolve(folder, directory) : join(dataDir, 'recordings'),
  };
}

/**
 * The control socket to talk to: `--socket`, else `DRAWBRIDGE_SOCKET`, else the one of the configuration.
 * @throws what {@link readRolePlace} throws
 */
export async function socketPathOf(options: PlaceOptions, cli: Cli): Promise<string> {
  if (options.socket !== undefined) return resolve(options.socket);
  const fromEnvironment = cli.env['DRAWBRIDGE_SOCKET'];
  if (options.config === undefined && fromEnvironment !== undefined && fromEnvironment !== '') {
    return resolve(fromEnvironment);
  }
  return (await readRolePlace(configPathOf(options, cli))).socketPath;
}

async function readConfigText(configPath: string): Promise<string> {
  try {
    return await readFile(configPath, 'utf8');
  } catch (error) {
    const missing = systemCodeOf(error) === 'ENOENT';
    throw new DrawbridgeError(
      missing ? 'config.missing' : 'config.unreadable',
      missing
        ? `There is no config file ${configPath}.`
        : `The config file ${configPath} can't be read (${systemCodeOf(error) ?? 'unknown'}).`,
      {
        hint: missing
          ? 'Name it with --config FILE or DRAWBRIDGE_CONFIG, or name the control socket with --socket PATH.'
          : 'Use an account that may read it.',
        cause: error,
      },
    );
  }
}

function readObject(text: string, configPath: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new DrawbridgeError('config.invalid', `${configPath}: the file is not valid YAML.`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DrawbridgeError('config.invalid', `${configPath}: it must hold a list of keys with values.`);
  }
  return { ...value };
}
