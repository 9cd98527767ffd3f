import {
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { DrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import type { OffRecord } from './gate-state.ts';
import type { BootEnd } from './machine.ts';

/** Remote access is on only while this file exists and says so. */
export const ACCESS_FILE = 'access.json';

/** Who turned it off, when and why: for people to read, never decided by. */
export const OFF_RECORD_FILE = 'access-off.json';

/** No honest file of ours is longer; a longer one is not read. */
const FILE_LIMIT_BYTES = 16 * 1024;

const isoTime = z.iso.datetime();

const openingSchema = z.object({
  v: z.literal(1),
  state: z.literal('on'),
  since: isoTime,
  by: z.string().min(1).max(256),
  reason: z.string().max(1000).optional(),
  until: isoTime.optional(),
  outsideWindows: z.boolean().optional(),
  boot: z.object({ id: z.string().min(1).max(64), untilUptimeMs: z.number() }).optional(),
});

const offRecordSchema = z.object({
  v: z.literal(1),
  state: z.literal('off'),
  since: isoTime,
  by: z.string().min(1).max(256),
  reason: z.string().max(1000).optional(),
  unaudited: z.boolean().optional(),
});

/** What is stored while access is on. */
export interface StoredOpening {
  readonly sinceMs: number;
  readonly by: string;
  readonly reason?: string;
  readonly untilMs?: number;
  readonly outsideWindows?: boolean;
  /** The same end by the running time of the machine, which setting its calendar does not change. */
  readonly boot?: BootEnd;
}

/** What was found at {@link ACCESS_FILE}. Only `on` opens the gate. */
export type FoundAccess =
  | { readonly kind: 'on'; readonly opening: StoredOpening }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly problem: string };

function readSmallFile(path: string): unknown {
  const bytes = readFileSync(path);
  if (bytes.length > FILE_LIMIT_BYTES) throw new Error('the file is too long');
  return JSON.parse(bytes.toString('utf8'));
}

/** Reads the state of the gate. Never throws: whatever can't be read is `unreadable`, and that means off. */
export function readAccess(dataDir: string): FoundAccess {
  try {
    const { since, by, reason, until, outsideWindows, boot } = openingSchema.parse(
      readSmallFile(join(dataDir, ACCESS_FILE)),
    );
    return {
      kind: 'on',
      opening: {
        sinceMs: Date.parse(since),
        by,
        ...(reason === undefined ? {} : { reason }),
        ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
        ...(outsideWindows === undefined ? {} : { outsideWindows }),
        ...(boot === undefined ? {} : { boot }),
      },
    };
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return { kind: 'absent' };
    const problem = error instanceof z.ZodError ? 'it has not the expected fields' : messageOf(error);
    return { kind: 'unreadable', problem };
  }
}

/** True while the file that says on is there and is not empty. What can't be looked at counts as gone. */
export function isStored(dataDir: string): boolean {
  try {
    return statSync(join(dataDir, ACCESS_FILE)).size > 0;
  } catch {
    return false;
  }
}

/**
 * Turns access off without a bastion, by the permissions of its data directory: one that starts finds it off, and one
 * that runs notices within a second.
 * @throws `access.not_stored`
 */
export function turnOffStored(dataDir: string, record: Omit<OffRecord, 'unaudited'>): void {
  // First, so that a bastion that runs knows who it was.
  if (writeOffRecord(dataDir, { ...record, unaudited: true })) giveToOwner(dataDir, OFF_RECORD_FILE);
  removeAccess(dataDir);
}

/** What root writes must stay readable for the account of the bastion. */
function giveToOwner(dataDir: string, name: string): void {
  try {
    const { uid, gid } = statSync(dataDir);
    chownSync(join(dataDir, name), uid, gid);
  } catch {
    // Only who it was gets lost by it.
  }
}

/**
 * Stores that access is on: temporary file, fsync, rename, fsync of the directory.
 * @throws `access.not_stored`.
 */
export function storeAccess(dataDir: string, opening: StoredOpening): void {
  const path = join(dataDir, ACCESS_FILE);
  const temporary = `${path}.new`;
  const text = JSON.stringify({
    v: 1,
    state: 'on',
    since: new Date(opening.sinceMs).toISOString(),
    by: opening.by,
    reason: opening.reason,
    until: opening.untilMs === undefined ? undefined : new Date(opening.untilMs).toISOString(),
    outsideWindows: opening.outsideWindows,
    boot: opening.boot,
  });
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      const bytes = Buffer.from(`${text}\n`);
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(dataDir);
  } catch (error) {
    throw notStored('on', path, error);
  }
}

/**
 * Stores that access is off, by removing the file: needs no room on the disk. If the file can't be removed, it is
 * emptied, which means off as well. From now on every start finds access off, but for one after a power failure before
 * {@link syncAccess}.
 *
 * Synchronous on purpose: it can't be kept waiting by busy threads, and no byte of a session moves meanwhile.
 * @throws `access.not_stored` when a restart would find access on.
 */
export function unlinkAccess(dataDir: string): void {
  const path = join(dataDir, ACCESS_FILE);
  try {
    removeOrEmpty(path);
  } catch (error) {
    throw notStored('off', path, error);
  }
}

/** Brings what {@link unlinkAccess} did to the disk. @throws `access.not_stored` */
export function syncAccess(dataDir: string): void {
  try {
    syncDirectory(dataDir);
  } catch (error) {
    throw notStored('off', join(dataDir, ACCESS_FILE), error);
  }
}

/** Both at once. @throws `access.not_stored` */
export function removeAccess(dataDir: string): void {
  unlinkAccess(dataDir);
  syncAccess(dataDir);
}

function removeOrEmpty(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return;
    try {
      truncateSync(path, 0);
    } catch {
      throw error;
    }
  }
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function notStored(state: 'on' | 'off', path: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError(
    'access.not_stored',
    state === 'on'
      ? `That remote access is on could not be stored (${messageOf(cause)}), so it stays off.`
      : `Remote access is off now, but that could not be stored (${messageOf(cause)}): a restart would find it on.`,
    {
      hint:
        state === 'on'
          ? `Check that there is room for ${path} and that it can be written.`
          : `Remove ${path} by hand and check ${dirname(path)}.`,
      cause,
    },
  );
}

/** Remembers who turned access off. False when it could not be written, which changes nothing. */
export function writeOffRecord(dataDir: string, record: OffRecord): boolean {
  const text = JSON.stringify({
    v: 1,
    state: 'off',
    since: new Date(record.sinceMs).toISOString(),
    by: record.by,
    reason: record.reason,
    unaudited: record.unaudited,
  });
  try {
    const path = join(dataDir, OFF_RECORD_FILE);
    writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return true;
  } catch {
    return false;
  }
}

/** The last turning off, if it is known. */
export function readOffRecord(dataDir: string): OffRecord | undefined {
  try {
    const { since, ...said } = offRecordSchema.parse(readSmallFile(join(dataDir, OFF_RECORD_FILE)));
    const { by, reason, unaudited } = said;
    return {
      sinceMs: Date.parse(since),
      by,
      ...(reason === undefined ? {} : { reason }),
      ...(unaudited === undefined ? {} : { unaudited }),
    };
  } catch {
    return undefined;
  }
}
