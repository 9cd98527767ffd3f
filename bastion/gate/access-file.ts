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

/** What was found at {@link ACCESS_FILE}, and the text that says so. Only `on` opens the gate. */
export type FoundAccess =
  | { readonly kind: 'on'; readonly opening: StoredOpening; readonly text: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly problem: string };

function readSmallFile(path: string): string {
  const found = statSync(path);
  // Reading a pipe would wait for a writer, and everything with it.
  if (!found.isFile()) throw new Error('it is not a file');
  if (found.size > FILE_LIMIT_BYTES) throw new Error('the file is too long');
  return readFileSync(path, 'utf8');
}

/** Reads the state of the gate. Never throws: whatever can't be read is `unreadable`, and that means off. */
export function readAccess(dataDir: string): FoundAccess {
  try {
    const text = readSmallFile(join(dataDir, ACCESS_FILE));
    const { since, by, reason, until, outsideWindows, boot } = openingSchema.parse(JSON.parse(text));
    return {
      kind: 'on',
      text,
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

/** What became of the file that says on, for a bastion that wrote `text` there. Only `kept` keeps the gate open. */
export type StoredLook = 'kept' | 'gone' | 'changed';

/**
 * Looks whether the file is still there, and is what was written: a start would read it, so one that a start could not
 * believe must not let anybody in now. An emptied file counts as gone, which is what {@link unlinkAccess} falls back to.
 */
export function lookAtStored(dataDir: string, text: string): StoredLook {
  try {
    const found = readSmallFile(join(dataDir, ACCESS_FILE));
    if (found === text) return 'kept';
    return found === '' ? 'gone' : 'changed';
  } catch (error) {
    const code = systemCodeOf(error);
    // The process is out of open files: that says nothing about this one, and the next look is a second away.
    if (code === 'EMFILE' || code === 'ENFILE') return 'kept';
    return code === 'ENOENT' ? 'gone' : 'changed';
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
 * @returns what is in the file now
 * @throws `access.not_stored`.
 */
export function storeAccess(dataDir: string, opening: StoredOpening): string {
  const path = join(dataDir, ACCESS_FILE);
  const temporary = `${path}.new`;
  const said = JSON.stringify({
    v: 1,
    state: 'on',
    since: new Date(opening.sinceMs).toISOString(),
    by: opening.by,
    reason: opening.reason,
    until: opening.untilMs === undefined ? undefined : new Date(opening.untilMs).toISOString(),
    outsideWindows: opening.outsideWindows,
    boot: opening.boot,
  });
  const text = `${said}\n`;
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      const bytes = Buffer.from(text);
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(dataDir);
    return text;
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
    const { since, ...said } = offRecordSchema.parse(
      JSON.parse(readSmallFile(join(dataDir, OFF_RECORD_FILE))),
    );
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
