import { readFile, stat } from 'node:fs/promises';
import { DrawbridgeError, isDrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';

/** A longer file is not read. */
const FILE_LIMIT_BYTES = 4 * 1024 * 1024;

/** A file that was changed less than this before it was read may change again without its times showing it. */
const SETTLED_NS = 2_000_000_000n;

/** What stands in a file that an administrator keeps; read again whenever the file has changed. */
export class KeptFile<T> {
  readonly #path: string;
  readonly #parse: (bytes: Buffer) => T;
  #read: { readonly version: string; readonly value: T } | undefined;

  /** `parse` throws a sentence about what is wrong. */
  constructor(path: string, parse: (bytes: Buffer) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  /** What the file says now. @throws `certificates.unreadable` as long as it can't be read or has a fault. */
  async value(): Promise<T> {
    try {
      const { mtimeNs, ctimeNs, size, ino, dev } = await stat(this.#path, { bigint: true });
      const version = `${mtimeNs} ${ctimeNs} ${size} ${ino} ${dev}`;
      if (this.#read?.version === version) return this.#read.value;
      this.#read = undefined;
      if (size > FILE_LIMIT_BYTES) throw fault('it is larger than 4 MiB');
      const nowNs = BigInt(Date.now()) * 1_000_000n;
      const value = this.#parse(await readFile(this.#path));
      if (nowNs - ctimeNs > SETTLED_NS) this.#read = { version, value };
      return value;
    } catch (cause) {
      this.#read = undefined;
      const why = isDrawbridgeError(cause) ? cause.message : (systemCodeOf(cause) ?? 'it is no text');
      throw new DrawbridgeError('certificates.unreadable', `${this.#path} can't be used: ${why}.`, {
        hint: "Check 'userCertificates' in proxy.yaml. Until the file is right, nobody gets in by certificate.",
        cause,
      });
    }
  }
}

/** What is wrong with a file, for the sentence of {@link KeptFile.value}. */
export function fault(why: string): DrawbridgeError {
  return new DrawbridgeError('certificates.fault', why);
}

/** The lines of a file that say something, with their numbers; `#` begins a comment line. */
export function* linesOf(text: string): Generator<{ readonly number: number; readonly line: string }> {
  let number = 0;
  for (const raw of text.split('\n')) {
    number += 1;
    const line = raw.trim();
    if (line !== '' && !line.startsWith('#')) yield { number, line };
  }
}

/** The public key on a line; undefined when there is none. */
export function keyOn(line: string): ReturnType<typeof parsePublicLine> | undefined {
  try {
    return parsePublicLine(line);
  } catch {
    return undefined;
  }
}
