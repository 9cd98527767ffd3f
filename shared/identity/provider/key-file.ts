import type { KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { DrawbridgeError, systemCodeOf } from '../../errors.ts';
import type { ProviderKeys } from './id-token.ts';
import { type IdTokenAlgorithm, keysFor, type ProviderKey, parseKeySet } from './key-set.ts';
import { IdTokenRefused } from './refusal.ts';

/** A longer file is no key set. */
const FILE_LIMIT_BYTES = 512 * 1024;

/**
 * The keys of a provider out of a file that an administrator keeps: for machines that reach no provider. A file that
 * was changed is read again; one that can't be read any more takes all keys away.
 */
export class KeyFile implements ProviderKeys {
  readonly #path: string;
  #read: { readonly version: string; readonly keys: readonly ProviderKey[] } | undefined;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws `idp.keys_unreadable`, `idp.bad_keys` */
  static async open(path: string): Promise<KeyFile> {
    const file = new KeyFile(path);
    await file.#keys();
    return file;
  }

  async find(header: { alg: IdTokenAlgorithm; kid?: string | undefined }): Promise<readonly KeyObject[]> {
    let keys: readonly ProviderKey[];
    try {
      keys = await this.#keys();
    } catch (error) {
      throw new IdTokenRefused('keys_unavailable', { cause: error });
    }
    const found = keysFor(keys, header);
    if (found.length > 0) return found;
    throw new IdTokenRefused('unknown_key');
  }

  async #keys(): Promise<readonly ProviderKey[]> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (this.#read?.version === version) return this.#read.keys;
      if (size > FILE_LIMIT_BYTES) throw new RangeError('it is too large');
      const keys = parseKeySet(JSON.parse(await readFile(this.#path, 'utf8')));
      this.#read = { version, keys };
      return keys;
    } catch (error) {
      if (error instanceof DrawbridgeError) throw error;
      const why = systemCodeOf(error) ?? 'it is no JSON';
      throw new DrawbridgeError(
        'idp.keys_unreadable',
        `The identity provider's keys in ${this.#path} can't be read (${why}).`,
        { hint: 'Put the JSON document of its jwks_uri there.', cause: error },
      );
    }
  }
}
