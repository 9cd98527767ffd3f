import type { Dir } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { SftpFailure } from './failure.ts';
import { MAX_HANDLES, STATUS } from './protocol.ts';

/** Something that a client has opened. */
export type Opened =
  | { readonly kind: 'file'; readonly file: FileHandle; readonly appends: boolean }
  | { readonly kind: 'directory'; readonly dir: Dir; readonly path: Buffer; started: boolean };

/** What a client has open, by the names that it was given. */
export class Handles {
  readonly #open = new Map<number, Opened>();
  #last = 0;

  /** @throws {@link SftpFailure} when too much is open. */
  async add(open: () => Promise<Opened>): Promise<Buffer> {
    if (this.#open.size >= MAX_HANDLES) throw new SftpFailure(STATUS.FAILURE, 'Too many files are open.');
    const opened = await open();
    do {
      this.#last = (this.#last + 1) >>> 0;
    } while (this.#open.has(this.#last));
    this.#open.set(this.#last, opened);
    const name = Buffer.allocUnsafe(4);
    name.writeUInt32BE(this.#last);
    return name;
  }

  file(name: Buffer): Extract<Opened, { kind: 'file' }> {
    const opened = this.#find(name);
    if (opened.kind !== 'file') throw invalidHandle();
    return opened;
  }

  directory(name: Buffer): Extract<Opened, { kind: 'directory' }> {
    const opened = this.#find(name);
    if (opened.kind !== 'directory') throw invalidHandle();
    return opened;
  }

  async close(name: Buffer): Promise<void> {
    const opened = this.#find(name);
    this.#open.delete(name.readUInt32BE());
    await closeOne(opened);
  }

  /** Closes everything; what can't be closed is not held against anybody. */
  async closeAll(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(all.map(closeOne));
  }

  #find(name: Buffer): Opened {
    const opened = name.length === 4 ? this.#open.get(name.readUInt32BE()) : undefined;
    if (opened === undefined) throw invalidHandle();
    return opened;
  }
}

function closeOne(opened: Opened): Promise<void> {
  return opened.kind === 'file' ? opened.file.close() : opened.dir.close();
}

function invalidHandle(): SftpFailure {
  return new SftpFailure(STATUS.FAILURE, 'There is nothing open by that handle.');
}
