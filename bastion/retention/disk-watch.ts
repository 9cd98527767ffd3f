import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';

/** With less free disk than this, live sessions are ended: the administrator needs the rest to sign in and make room. */
export const DISK_LAST_BYTES = 16 * 1024 * 1024;

/** With less free disk than this, the room that was kept for the administrator is given up. */
const GIVE_UP_BYTES = 4 * 1024 * 1024;

/** Room that is kept for the administrator. */
export const HEADROOM_BYTES = 16 * 1024 * 1024;

/** The room is kept again when this much is left besides. */
const KEEP_FROM_BYTES = 256 * 1024 * 1024;

const LOOK_MS = 1_000;
const BLOCK_BYTES = 1024 * 1024;

/** What to say to the operator. */
export const DISK_FULL_MESSAGE =
  'The disk of the bastion is full, so that this session can not be recorded any more.';

export interface DiskWatchParts {
  /** The data directory: audit log and accounts are there. A recording that finds no room ends its session by itself. */
  readonly directory: string;
  readonly freeBytes: () => Promise<number>;
  /** Ends all live sessions, at once. */
  readonly endSessions: (message: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Looks after the free disk while sessions run: ends them before the disk is full to the last byte, and keeps a file
 * (`headroom`) that it gives up when something else has filled it, so that signing in, looking, exporting and deleting
 * still have room to be audited.
 */
export class DiskWatch {
  readonly #parts: DiskWatchParts;
  readonly #path: string;
  readonly #timer: Timer;
  #looking = false;

  constructor(parts: DiskWatchParts) {
    this.#parts = parts;
    this.#path = join(parts.directory, 'headroom');
    this.#timer = parts.clock.every(LOOK_MS, () => void this.look());
  }

  close(): void {
    this.#timer.cancel();
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { freeBytes, endSessions, log } = this.#parts;
    try {
      const free = await freeBytes();
      if (free < DISK_LAST_BYTES) endSessions(DISK_FULL_MESSAGE);
      if (free < GIVE_UP_BYTES && existsSync(this.#path)) {
        rmSync(this.#path, { force: true });
        log.error('the disk is full: the room that was kept for the administrator is in use now');
      } else if (free >= KEEP_FROM_BYTES + HEADROOM_BYTES && !existsSync(this.#path)) this.#keep();
    } catch (error) {
      log.warn({ err: error }, 'room for the administrator could not be kept');
    } finally {
      this.#looking = false;
    }
  }

  #keep(): void {
    try {
      const file = openSync(this.#path, 'wx', 0o600);
      try {
        const block = Buffer.alloc(BLOCK_BYTES, 0xa5);
        for (let bytes = 0; bytes < HEADROOM_BYTES; ) bytes += writeSync(file, block, 0, block.length);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      rmSync(this.#path, { force: true });
      throw error;
    }
  }
}
