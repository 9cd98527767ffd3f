import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type BastionConfig, bastionPaths, loadBastionConfig } from '../../bastion/config.ts';
import { loadProxyConfig } from '../../proxy/config.ts';
import { wholeLinesSize } from '../../recordings/cast-reader.ts';
import { CAST_SUFFIX } from '../../recordings/format.ts';
import { TarWriter } from '../../shared/archive/tar.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { copyDatabase } from '../../shared/store/database.ts';
import { seal } from '../archive/seal.ts';
import { type RolePlace, readRolePlace } from '../role-config.ts';
import {
  BACKUP_NAME,
  type Backup,
  CONFIG_FOLDER,
  DATA_FOLDER,
  RECORDINGS_FOLDER,
  SUMS_NAME,
} from './backup-format.ts';

/** Not part of a backup: the switch (a restored bastion is off), the lock, the socket, room kept free, side files. */
const LEFT_OUT = /^(access\.json.*|lock\.db.*|control\.sock|.*-(wal|shm|journal|reserve)|.*\.new)$/;

/** What a backup is made from. */
export interface BackupOptions {
  readonly configPath: string;
  readonly out: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly signal?: AbortSignal;
}

/**
 * Writes a backup of a bastion or a proxy, also while it runs. The order makes it consistent: first the index, then the audit log,
 * which is never behind it, then the recordings, which are never behind the log.
 */
export async function makeBackup(options: BackupOptions): Promise<{ files: number; bytes: number }> {
  const { configPath, signal } = options;
  const place = await readRolePlace(configPath);
  const { recordingsDir, outside } = await partsOf(place);
  const { id, name } = await loadNodeIdentity(place.dataDir);
  await seal(place);
  const tar = await TarWriter.create(options.out);
  const copies = await mkdtemp(join(dirname(options.out), '.drawbridge-backup-'));
  const sums: Record<string, string> = {};
  const add = async (entry: string, path: string, sizeBytes: number): Promise<void> => {
    signal?.throwIfAborted();
    sums[entry] = await tar.addFile(entry, path, sizeBytes, signal);
  };
  try {
    const backup: Backup = {
      format: 'drawbridge-backup',
      v: 1,
      role: place.role === 'proxy' ? 'proxy' : 'bastion',
      id,
      name,
      createdAt: options.createdAt,
      createdBy: options.createdBy,
      recordingsDir,
    };
    await tar.addText(BACKUP_NAME, `${JSON.stringify(backup, undefined, 2)}\n`);
    for (const path of await dataFiles(place.dataDir, place.recordingsDir)) {
      const entry = DATA_FOLDER + relative(place.dataDir, path).split(sep).join('/');
      if (!path.endsWith('.db')) await add(entry, path, (await stat(path)).size);
      else {
        const copy = join(copies, basename(path));
        await copyDatabase(path, copy);
        await add(entry, copy, (await stat(copy)).size);
        await rm(copy);
      }
    }
    for (const path of [configPath, ...outside]) {
      if (path.startsWith(place.dataDir + sep)) continue;
      await add(CONFIG_FOLDER + basename(path), path, (await stat(path)).size);
    }
    for (const path of await filesBelow(place.recordingsDir)) {
      const sizeBytes = await sizeNow(path);
      const entry = RECORDINGS_FOLDER + relative(place.recordingsDir, path).split(sep).join('/');
      if (sizeBytes !== undefined) await add(entry, path, sizeBytes);
    }
    await tar.addText(SUMS_NAME, `${JSON.stringify(sums)}\n`);
    await tar.finish();
    return { files: Object.keys(sums).length, bytes: tar.bytes };
  } catch (error) {
    await tar.abandon();
    await rm(options.out, { force: true });
    throw error;
  } finally {
    await rm(copies, { recursive: true, force: true });
  }
}

/** What a role keeps outside of its data directory, by its configuration. @throws `config.*`, `usage.no_backup` */
async function partsOf({ role, configPath, recordingsDir }: RolePlace) {
  if (role === 'agent') {
    throw new DrawbridgeError('usage.no_backup', 'An agent has nothing to back up.', {
      hint: 'Join the host anew with a token of the bastion.',
    });
  }
  const tlsFiles = ({ certificate, key, ca }: BastionConfig['tls']) =>
    [certificate, key, ca].filter((path) => path !== undefined);
  if (role === 'proxy') return { recordingsDir, outside: tlsFiles((await loadProxyConfig(configPath)).tls) };
  const config = await loadBastionConfig(configPath);
  return {
    recordingsDir: bastionPaths(config).recordings,
    outside: [config.policy, ...tlsFiles(config.tls)],
  };
}

/** Files of the data directory; the audit log as the last database. */
async function dataFiles(dataDir: string, recordingsDir: string): Promise<string[]> {
  const files = (await filesBelow(dataDir)).filter(
    (path) => !path.startsWith(recordingsDir + sep) && !LEFT_OUT.test(basename(path)),
  );
  const rank = (path: string): number => (basename(path) === 'audit.db' ? 2 : path.endsWith('.db') ? 1 : 0);
  return files.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Bytes that are whole lines now; undefined when the file has gone: deleted in order, or compressed under another name. */
async function sizeNow(path: string): Promise<number | undefined> {
  try {
    return path.endsWith(CAST_SUFFIX) ? await wholeLinesSize(path) : (await stat(path)).size;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
