import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { type CastFile, syncFolder } from './cast-file.ts';
import type { FileDigest } from './digest.ts';

const NOTHING_SYNCED: FileDigest = { sha256: createHash('sha256').digest('hex'), sizeBytes: 0 };

const fdatasync = promisify(fs.fdatasync);

/** The beginning of a growing file that a power cut would leave. */
export class SyncedBeginning {
  readonly #file: CastFile;
  #digest = NOTHING_SYNCED;
  #foldersSynced = false;

  constructor(file: CastFile) {
    this.#file = file;
  }

  /** Digest of what is on the disk for sure. */
  get digest(): FileDigest {
    return this.#digest;
  }

  /** What is committed and, should the machine lose its power at this moment, not yet on the disk. */
  get missingBytes(): number {
    return Math.max(this.#file.committedBytes - this.#digest.sizeBytes, 0);
  }

  /** Brings what is committed to the disk, and the first time the folders that name it. @throws system errors */
  async sync(): Promise<void> {
    // Taken before: what is written while the disk works may not be there yet.
    const { digest } = this.#file;
    if (!this.#foldersSynced) {
      for (const folder of this.#file.foldersToSync) await syncFolder(folder);
      this.#foldersSynced = true;
    }
    await fdatasync(this.#file.fd);
    if (digest !== undefined) this.#digest = digest;
  }
}
