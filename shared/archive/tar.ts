import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { extract, type Pack, pack } from 'tar-stream';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';

/** Writes one tar file (POSIX ustar, pax where names or sizes need it), a piece at a time. */
export class TarWriter {
  readonly #pack: Pack;
  readonly #written: Promise<void>;
  #bytes = 0;

  private constructor(tarball: Pack, written: Promise<void>) {
    this.#pack = tarball;
    this.#written = written;
    // Whoever writes hears of a failure at the next entry or at `finish`; until then nobody listens.
    written.catch(() => undefined);
  }

  /** Makes the file at `path` (0600). @throws `archive.failed`, also when it is there already: nothing is overwritten */
  static async create(path: string): Promise<TarWriter> {
    let file: FileHandle;
    try {
      file = await open(path, 'wx', 0o600);
    } catch (error) {
      const why = systemCodeOf(error) === 'EEXIST' ? 'it is there already' : messageOf(error);
      throw new DrawbridgeError('archive.failed', `${path} could not be made: ${why}.`, { cause: error });
    }
    const tarball = pack();
    return new TarWriter(tarball, pipeline(tarball, file.createWriteStream({ flush: true })));
  }

  /** Bytes of content so far. */
  get bytes(): number {
    return this.#bytes;
  }

  addText(name: string, text: string): Promise<void> {
    return this.addBytes(name, Buffer.from(text));
  }

  async addBytes(name: string, content: Buffer): Promise<void> {
    await this.#add(name, content.length, (entry) => {
      entry.end(content);
    });
  }

  /**
   * Adds exactly the first `sizeBytes` of a file, and gives back their SHA-256 (hex).
   * @throws `archive.failed` when it is shorter, since a tar can't take a size back
   */
  async addFile(name: string, path: string, sizeBytes: number, signal?: AbortSignal): Promise<string> {
    const hash = createHash('sha256');
    if (sizeBytes === 0) {
      await this.addText(name, '');
      return hash.digest('hex');
    }
    await this.#add(name, sizeBytes, (entry) => {
      const source = createReadStream(path, {
        end: sizeBytes - 1,
        highWaterMark: READ_BYTES,
        ...(signal === undefined ? {} : { signal }),
      });
      return pipeline(source, hashing(hash), entry);
    });
    return hash.digest('hex');
  }

  /** Resolves when the archive is whole and on the disk. */
  async finish(): Promise<void> {
    this.#pack.finalize();
    await this.#written;
  }

  /** Gives up; what there is of the file stays half. */
  async abandon(): Promise<void> {
    this.#pack.destroy();
    await this.#written.catch(() => undefined);
  }

  async #add(
    name: string,
    size: number,
    fill: (entry: ReturnType<Pack['entry']>) => Promise<void> | void,
  ): Promise<void> {
    let entry: ReturnType<Pack['entry']> | undefined;
    const added = new Promise<void>((resolve, reject) => {
      const header = { name, size, mode: 0o600, mtime: new Date(0) };
      entry = this.#pack.entry(header, (error) => (error == null ? resolve() : reject(error)));
    });
    // Whoever fills the entry may fail first; then nobody waits for this.
    added.catch(() => undefined);
    if (entry === undefined) throw failed(name, new Error('the archive is closed'));
    try {
      const failure = this.#written.then(() => undefined);
      await Promise.race([Promise.all([added, fill(entry)]), failure]);
    } catch (error) {
      throw failed(name, error);
    }
    this.#bytes += size;
  }
}

const READ_BYTES = 1024 * 1024;

function hashing(hash: Hash) {
  return async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      hash.update(piece);
      yield piece;
    }
  };
}

/** A file in a tar, whose content must be read before the next one. */
export interface TarEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Buffer>;
}

/**
 * The files of a tar, in order, as they stream by. Anything that is no plain file is a fault: nothing of it is ever
 * followed.
 * @throws `archive.unreadable`
 */
export async function* readTar(path: string, signal?: AbortSignal): AsyncGenerator<TarEntry> {
  const extracting = extract();
  const source = createReadStream(path, {
    highWaterMark: READ_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
  const piped = pipeline(source, extracting);
  piped.catch(() => undefined);
  try {
    for await (const entry of extracting) {
      const { name, size = 0, type } = entry.header;
      if (type !== 'file' && type !== 'contiguous-file') {
        throw new DrawbridgeError(
          'archive.unreadable',
          `The archive holds a ${type ?? 'thing'} and not only files.`,
        );
      }
      yield { name, sizeBytes: size, content: bytesOf(entry) };
      // What nobody wanted to read has to pass all the same.
      entry.resume();
    }
    await piped;
  } catch (error) {
    if (error instanceof DrawbridgeError) throw error;
    throw new DrawbridgeError('archive.unreadable', `The archive can not be read: ${messageOf(error)}.`, {
      hint: 'It may be cut short, or be no tar file. Copy it again from where it was made.',
      cause: error,
    });
  } finally {
    source.destroy();
    extracting.destroy();
  }
}

async function* bytesOf(entry: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const piece of entry) if (Buffer.isBuffer(piece)) yield piece;
}

function failed(name: string, error: unknown): DrawbridgeError {
  return new DrawbridgeError(
    'archive.failed',
    `${name} could not be put into the archive: ${messageOf(error)}.`,
    {
      hint: 'Check that there is room for the archive, and that nothing changes the files while it is made.',
      cause: error,
    },
  );
}
