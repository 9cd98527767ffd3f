import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { readCastHeader } from '../recordings/cast-reader.ts';
import { readAgeHeader } from '../recordings/encryption/age-cast.ts';
import { aboutInHeader } from '../recordings/encryption/age-header.ts';
import { CAST_SUFFIX } from '../recordings/format.ts';
import { castNameOf, isEncryptedCast } from '../recordings/stored-cast.ts';
import { AuditLog } from '../shared/audit/log.ts';
import { DrawbridgeError, isDrawbridgeError, systemCodeOf } from '../shared/errors.ts';
import type { Cli } from './cli.ts';
import { configPathOf, type PlaceOptions, type RolePlace, readRolePlace } from './role-config.ts';

/**
 * Where a role's evidence lies. With `--socket` alone it is the folder of the socket, which is the data directory.
 * @throws what `readRolePlace` throws
 */
export async function evidencePlace(options: PlaceOptions, cli: Cli): Promise<RolePlace> {
  const socket = options.socket ?? (options.config === undefined ? cli.env['DRAWBRIDGE_SOCKET'] : undefined);
  if (socket === undefined || socket === '') return readRolePlace(configPathOf(options, cli));
  const dataDir = dirname(resolve(socket));
  return {
    role: existsSync(join(dataDir, 'proxy.db')) ? 'proxy' : 'bastion',
    configPath: '',
    dataDir,
    socketPath: resolve(socket),
    recordingsDir: join(dataDir, 'recordings'),
  };
}

/** Opens a role's audit log to read, whether or not the role runs, and closes it behind `work`. */
export async function withAuditLog<T>(
  place: RolePlace,
  work: (log: Awaited<ReturnType<typeof AuditLog.openReadOnly>>) => Promise<T>,
): Promise<T> {
  const log = await AuditLog.openReadOnly(place.dataDir);
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

/** A recording as its file tells. */
export interface StoredRecording {
  /** `SESSION/CHANNEL`, by which verbs name it. */
  readonly id: string;
  readonly path: string;
  readonly session: string;
  readonly channel: number;
  readonly kind: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly command?: string;
  readonly encrypted?: boolean;
  /** ISO time. */
  readonly startedAt: string;
}

/**
 * The recordings in a bastion's directory, newest first. A file whose header can't be read is left out here; `audit
 * verify` finds it, since the log has its digest.
 */
export async function listRecordings(place: RolePlace): Promise<readonly StoredRecording[]> {
  if (place.role !== 'bastion') {
    throw new DrawbridgeError('usage.no_recordings', `A ${place.role} has no recordings.`, {
      hint: "Name the bastion's configuration with --config FILE.",
    });
  }
  const files = await castFiles(place.recordingsDir);
  const found = await Promise.all(files.map(describeRecording));
  return found
    .filter((recording): recording is StoredRecording => recording !== undefined)
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt) || a.id.localeCompare(b.id));
}

/**
 * The recording that a user named: `SESSION`, `SESSION/CHANNEL`, or the path of a file.
 * @throws `recording.not_found`
 */
export async function findRecording(place: RolePlace, wanted: string): Promise<StoredRecording> {
  const recordings = await listRecordings(place);
  const path = resolve(wanted);
  const matching = recordings.filter(
    ({ id, session, path: ownPath }) => id === wanted || session === wanted || ownPath === path,
  );
  const first = matching.at(-1);
  if (first !== undefined) return first;
  throw new DrawbridgeError('recording.not_found', `There is no recording ${wanted}.`, {
    hint: 'List them with `drawbridge recordings ls`.',
  });
}

/** The path of a file within the recordings, if it is within. */
export function pathInRecordings(place: RolePlace, name: string): string | undefined {
  const path = resolve(place.recordingsDir, name);
  return relative(place.recordingsDir, path).split(sep)[0] === '..' ? undefined : path;
}

async function castFiles(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, castNameOf(entry.name)))
      .filter((path) => path.endsWith(CAST_SUFFIX) || isEncryptedCast(path));
    // A recording that is just being compressed is there in both forms.
    return [...new Set(paths)];
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw new DrawbridgeError(
      'recording.unreadable',
      `The recordings in ${folder} can't be read (${systemCodeOf(error) ?? 'unknown'}).`,
      { cause: error },
    );
  }
}

/** What an encrypted recording says of itself to everybody. Its digest in the audit log vouches for it, as for the rest. */
async function readClearHeader(path: string): Promise<Readonly<Record<string, unknown>>> {
  const about = aboutInHeader(await readAgeHeader(path));
  return typeof about === 'object' && about !== null ? { ...about } : {};
}

/** What the file of a recording says about it; undefined when it can't be read. */
export async function describeRecording(path: string): Promise<StoredRecording | undefined> {
  let header: Readonly<Record<string, unknown>>;
  try {
    header = isEncryptedCast(path) ? await readClearHeader(path) : await readCastHeader(path);
  } catch (error) {
    if (isDrawbridgeError(error)) return undefined;
    throw error;
  }
  const own = header['drawbridge'];
  const about: Readonly<Record<string, unknown>> = typeof own === 'object' && own !== null ? { ...own } : {};
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  const session = textOf(about['session']);
  const channel = typeof about['channel'] === 'number' ? about['channel'] : 1;
  const command = header['command'];
  const startedS = typeof header['timestamp'] === 'number' ? header['timestamp'] : 0;
  return {
    id: `${session}/${channel}`,
    path,
    session,
    channel,
    kind: textOf(about['kind']),
    operator: textOf(about['operator']),
    host: textOf(about['host']),
    login: textOf(about['login']),
    startedAt: new Date(startedS * 1000).toISOString(),
    ...(typeof command === 'string' ? { command } : {}),
    ...(isEncryptedCast(path) ? { encrypted: true } : {}),
  };
}
