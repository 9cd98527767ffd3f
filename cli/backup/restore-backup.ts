import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ACCESS_FILE } from '../../bastion/gate/access-file.ts';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import { readTar, type TarEntry } from '../../shared/archive/tar.ts';
import { AuditLog } from '../../shared/audit/log.ts';
import type { VerifyReport } from '../../shared/audit/verify.ts';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { Database } from '../../shared/store/database.ts';
import { isInside } from '../archive/known-recordings.ts';
import { verifyEvidence } from '../verify-evidence.ts';
import {
  BACKUP_NAME,
  type Backup,
  backupSchema,
  CONFIG_FOLDER,
  DATA_FOLDER,
  RECORDINGS_FOLDER,
  SUMS_NAME,
  sumsSchema,
} from './backup-format.ts';

const TEXT_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Makes a data directory from a backup, verifies the evidence in it, and enters in the restored log that it was restored.
 * The directory appears whole or not at all. Remote access is off in it.
 * @throws `restore.*`, `archive.unreadable`, `audit.fault`
 */
export async function restoreBackup(options: {
  /** A backup of another role is refused. */
  readonly role: Backup['role'];
  readonly path: string;
  readonly dataDir: string;
  readonly signal?: AbortSignal;
}): Promise<{ backup: Backup; report: VerifyReport }> {
  const target = resolve(options.dataDir);
  await assertEmpty(target);
  const unfinished = `${target}.restoring`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  try {
    const backup = await unpack(options.path, unfinished, options.signal);
    if (backup.role !== options.role) throw notWhole(`it is one of a ${backup.role}`);
    // No backup of ours holds it; one that somebody has changed must not turn access on.
    await rm(join(unfinished, ACCESS_FILE), { recursive: true, force: true });
    const place = {
      role: backup.role,
      configPath: '',
      dataDir: unfinished,
      socketPath: '',
      recordingsDir: join(unfinished, 'recordings'),
    };
    const report = await verifyEvidence(place);
    if (!report.ok) {
      throw new DrawbridgeError(
        'audit.fault',
        `The backup does not verify: ${report.firstFault?.text ?? 'unknown'}.`,
        {
          hint: 'Nothing was restored. Keep the backup as it is, and try an older one.',
        },
      );
    }
    if (backup.role === 'bastion') await pointAt(unfinished, backup, join(target, 'recordings'));
    await enter(unfinished, backup);
    await rm(target, { recursive: true, force: true });
    await rename(unfinished, target);
    return { backup, report };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function unpack(path: string, folder: string, signal: AbortSignal | undefined): Promise<Backup> {
  let backup: Backup | undefined;
  let sums: Record<string, string> | undefined;
  const found = new Map<string, string>();
  for await (const entry of readTar(path, signal)) {
    if (sums !== undefined) throw notWhole(`there is something behind its end: ${entry.name.slice(0, 200)}`);
    if (entry.name === BACKUP_NAME) backup = backupSchema.safeParse(await jsonOf(entry)).data;
    else if (entry.name === SUMS_NAME) sums = sumsSchema.safeParse(await jsonOf(entry)).data;
    else if (backup === undefined) throw notWhole('it is no backup of Drawbridge');
    else found.set(entry.name, await unpackFile(entry, folder));
  }
  if (backup === undefined || sums === undefined) throw notWhole('its end is missing');
  const given = sums;
  for (const [name, sha256] of Object.entries(given)) {
    if (found.get(name) !== sha256) throw notWhole(`${name.slice(0, 200)} is missing or was changed`);
  }
  for (const name of found.keys()) {
    if (!Object.hasOwn(given, name)) throw notWhole(`${name.slice(0, 200)} does not belong into it`);
  }
  return backup;
}

async function unpackFile(entry: TarEntry, folder: string): Promise<string> {
  const home = homeOf(entry.name);
  if (home === undefined) throw notWhole(`${entry.name.slice(0, 200)} does not belong into it`);
  const path = join(folder, home);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const hashed = async function* () {
    for await (const piece of entry.content) {
      hash.update(piece);
      yield piece;
    }
  };
  await pipeline(hashed, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }));
  return hash.digest('hex');
}

/** Where a file belongs, below the data directory; undefined for names that lead elsewhere. */
function homeOf(name: string): string | undefined {
  if (!isInside(name)) return undefined;
  if (name.startsWith(DATA_FOLDER)) return name.slice(DATA_FOLDER.length);
  return name.startsWith(RECORDINGS_FOLDER) || name.startsWith(CONFIG_FOLDER) ? name : undefined;
}

/** The index finds the recordings where they are now. */
async function pointAt(dataDir: string, backup: Backup, recordingsDir: string): Promise<void> {
  const database = await Database.open(join(dataDir, 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'FULL',
  });
  try {
    await database.run('UPDATE recordings SET path = ? || substr(path, ?) WHERE substr(path, 1, ?) = ?', [
      recordingsDir,
      backup.recordingsDir.length + 1,
      backup.recordingsDir.length,
      backup.recordingsDir,
    ]);
  } finally {
    await database.close();
  }
}

/** The restored log says what it is. */
async function enter(dataDir: string, backup: Backup): Promise<void> {
  const identity = await loadNodeIdentity(dataDir);
  const log = await AuditLog.open(dataDir, { identity, clock: systemClock, log: silentLogger() });
  try {
    const { seq } = await log.head();
    const type = backup.role === 'proxy' ? 'proxy.restored' : 'bastion.restored';
    await log.append({ type, actor: 'system', madeAt: backup.createdAt, events: seq });
    await log.checkpoint();
  } finally {
    await log.close();
  }
}

async function jsonOf(entry: TarEntry): Promise<unknown> {
  if (entry.sizeBytes > TEXT_LIMIT_BYTES) throw notWhole(`${entry.name} is too large`);
  const pieces: Buffer[] = [];
  for await (const piece of entry.content) pieces.push(piece);
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    return undefined;
  }
}

async function assertEmpty(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return;
    throw error;
  }
  throw new DrawbridgeError('restore.not_empty', `${folder} is not empty.`, {
    hint: 'Move what is there away first: it may be the only evidence of what happened since the backup.',
  });
}

function notWhole(why: string): DrawbridgeError {
  return new DrawbridgeError('restore.damaged', `The backup can not be used: ${why}.`, {
    hint: 'Nothing was restored. Copy the backup again, or take another one.',
  });
}
