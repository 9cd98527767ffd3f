import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** SQLite can't open a database in WAL mode without some room for its side files; this much is enough. */
const RESERVE_BYTES = 1024 * 1024;

/** The reserve is laid down only where this much is left besides. */
const ROOM_NEEDED_BYTES = 16 * RESERVE_BYTES;

/**
 * A file that takes up room beside a database, so that there is some to give up when the disk is full: without it,
 * a role that stops on a full disk could not start again.
 */
export interface Reserve {
  /** Frees the room. False when there was none kept. */
  giveUp(): boolean;
  /** Keeps room again, when there is enough. Never fails: the reserve is a precaution. */
  keep(): void;
}

/** The reserve that belongs to the database at `path`. */
export function reserveFor(path: string): Reserve {
  const reservePath = `${path}-reserve`;
  return {
    giveUp() {
      if (!existsSync(reservePath)) return false;
      rmSync(reservePath, { force: true });
      return true;
    },
    keep() {
      try {
        const { bavail, bsize } = statfsSync(dirname(path));
        if (existsSync(reservePath) || bavail * bsize < ROOM_NEEDED_BYTES) return;
        writeReserve(reservePath);
      } catch {
        rmSync(reservePath, { force: true });
      }
    },
  };
}

function writeReserve(path: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    // Random-looking bytes would only matter to a compressing file system; there, zeros reserve nothing.
    const block = Buffer.alloc(RESERVE_BYTES, 0xa5);
    for (let offset = 0; offset < block.length; ) offset += writeSync(file, block, offset);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
