import { createHash, type Hash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type FileDigest, GrowingDigest } from './digest.ts';

/** What a recording that is written anew is called until it is whole. */
export const UNFINISHED_SUFFIX = '.new';

/** A write of so many bytes may be one of several of a commit: the digest before it is kept for a rollback. */
const ONE_OF_SEVERAL_BYTES = 64 * 1024;

const fdatasync = promisify(fs.fdatasync);

/**
 * A file that only grows, by whole commits: what was written since the last {@link commit} can be taken back.
 *
 * Writes are synchronous on purpose: the caller may release bytes as soon as {@link write} has returned, because they
 * then outlive the process. That is also faster than waiting for the thread pool (see the decision on recordings).
 */
export class CastFile {
  readonly path: string;
  /** Folders that have a new entry because of this file: to be synchronised once, so that a power cut leaves it there. */
  readonly foldersToSync: readonly string[];
  #fd: number;
  #committedBytes = 0;
  #writtenBytes = 0;
  /** Over what was written by whole writes; undefined once it has taken in what can't be taken out again. */
  #hash: Hash | undefined = createHash('sha256');
  #hashedBytes = 0;
  /** The hash as it was at the last commit, where a write since then was large. */
  #hashAtCommit: Hash | undefined;
  #open = true;

  private constructor(filePath: string, foldersToSync: readonly string[], fd: number) {
    this.path = filePath;
    this.foldersToSync = foldersToSync;
    this.#fd = fd;
  }

  /** Makes the file (0600) and, where needed, its folders (0700). Fails when the file exists. */
  static create(filePath: string): CastFile {
    const absolute = path.resolve(filePath);
    const folder = path.dirname(absolute);
    const firstMade = fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const changed = [folder];
    if (firstMade !== undefined) {
      for (let at = folder; at.length >= firstMade.length; at = path.dirname(at))
        changed.push(path.dirname(at));
    }
    return new CastFile(absolute, changed, fs.openSync(absolute, 'ax+', 0o600));
  }

  /** Bytes up to the last commit. */
  get committedBytes(): number {
    return this.#committedBytes;
  }

  /** Bytes up to the last write. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get fd(): number {
    return this.#fd;
  }

  /**
   * Digest of what is committed: of the bytes as they were written, so that whoever changes the file, however soon, shows.
   * Undefined where a rollback left no hash to go on with, which takes several small writes in one commit: then
   * {@link readBack} it. Only between commits.
   */
  get digest(): FileDigest | undefined {
    const sha256 = this.#hash?.copy().digest('hex');
    return sha256 === undefined ? undefined : { sha256, sizeBytes: this.#committedBytes };
  }

  /** Digest of what is committed, from the file itself. @throws system errors, `recording.truncated` */
  async readBack(): Promise<FileDigest> {
    const digest = new GrowingDigest();
    await digest.advance(this.#fd, this.#committedBytes);
    return digest.current();
  }

  /** Appends all of `bytes`. A disk that fills up writes a part first and fails at the next try. */
  write(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) {
      const written = fs.writeSync(this.#fd, bytes, offset, bytes.length - offset);
      offset += written;
      this.#writtenBytes += written;
    }
    // Only now: of a write that fails in the middle, the hash has seen nothing.
    const isFirst = this.#hashedBytes === this.#committedBytes;
    if (isFirst && bytes.length >= ONE_OF_SEVERAL_BYTES) this.#hashAtCommit = this.#hash?.copy();
    this.#hash?.update(bytes);
    this.#hashedBytes += bytes.length;
  }

  commit(): void {
    this.#committedBytes = this.#writtenBytes;
    this.#hashAtCommit = undefined;
  }

  /** Cuts the file back to the last commit: also what a write that failed may have left without telling. */
  rollback(): void {
    if (this.#hashedBytes !== this.#committedBytes) this.#hash = this.#hashAtCommit;
    this.#hashAtCommit = undefined;
    this.#hashedBytes = this.#committedBytes;
    fs.ftruncateSync(this.#fd, this.#committedBytes);
    this.#writtenBytes = this.#committedBytes;
  }

  /** At most `limitBytes` and one more of what is committed, from `position` on. */
  read(position: number, limitBytes: number): Buffer {
    const buffer = Buffer.alloc(Math.min(Math.max(this.#committedBytes - position, 0), limitBytes + 1));
    let length = 0;
    while (length < buffer.length) {
      const bytes = fs.readSync(this.#fd, buffer, length, buffer.length - length, position + length);
      if (bytes === 0) break;
      length += bytes;
    }
    return buffer.subarray(0, length);
  }

  /**
   * Puts `content` in the place of everything: at each moment one of the two is there. When this has thrown, nothing has
   * changed. After it, the folder is to be synchronised ({@link syncFolder}), so that a power cut leaves it there.
   */
  async replace(content: Buffer): Promise<void> {
    const unfinished = `${this.path}${UNFINISHED_SUFFIX}`;
    fs.rmSync(unfinished, { force: true });
    const fd = fs.openSync(unfinished, 'wx+', 0o600);
    try {
      for (let offset = 0; offset < content.length; ) offset += fs.writeSync(fd, content, offset);
      await fdatasync(fd);
      fs.renameSync(unfinished, this.path);
    } catch (error) {
      fs.closeSync(fd);
      fs.rmSync(unfinished, { force: true });
      throw error;
    }
    const replaced = this.#fd;
    this.#fd = fd;
    this.#hash = createHash('sha256').update(content);
    this.#hashedBytes = content.length;
    this.#hashAtCommit = undefined;
    this.#writtenBytes = content.length;
    this.#committedBytes = content.length;
    try {
      fs.closeSync(replaced);
    } catch {
      // That file has no name any more: whether it was closed well does not matter.
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    fs.closeSync(this.#fd);
  }
}

/** Makes a folder's new entries durable: without it, a power cut can lose a file that was itself synchronised. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.promises.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
