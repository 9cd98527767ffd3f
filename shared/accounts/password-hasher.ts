import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';

/** scrypt's costs for new hashes (RFC 7914): 2^15 × 8 × 128 bytes = 32 MiB and about 60 ms of one core. */
const LOG2_N = 15;
const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** A stored hash that asks for more than this was not written by us. */
const LOG2_N_LIMIT = 20;

/** How dear a hash is, and how many may be computed. Each takes 32 MiB and a thread of Node's pool of four. */
export interface HashingEffort {
  /** scrypt's p: how often the work is done. */
  readonly parallelism: number;
  /** Hashes that are computed at once. */
  readonly atOnce: number;
  /** Sign-ins that may wait for their turn; more are told to come back. */
  readonly waiting: number;
}

/** Some 60 ms of one core each, and at most about 3 s of work that waits. */
const USUAL_EFFORT: HashingEffort = { parallelism: 1, atOnce: 2, waiting: 64 };

/** Shortest password that an administrator may choose. */
export const PASSWORD_MIN_LENGTH = 12;
/** Longest password in bytes of UTF-8. */
export const PASSWORD_LIMIT_BYTES = 1024;

interface ScryptHash {
  readonly log2N: number;
  readonly blockSize: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Hashes and checks passwords with scrypt, a bounded number at a time. */
export class PasswordHasher {
  readonly #effort: HashingEffort;
  readonly #waiting: (() => void)[] = [];
  /** Stands in for the hash of an account that does not exist. */
  readonly #dummy: ScryptHash;
  #running = 0;

  constructor(effort: HashingEffort = USUAL_EFFORT) {
    this.#effort = effort;
    this.#dummy = parametersFor(effort, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));
  }

  /** The password's hash as a PHC string, such as `$scrypt$ln=15,r=8,p=1$salt$hash`. @throws `login.busy`. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const parameters = parametersFor(this.#effort, salt, Buffer.alloc(HASH_BYTES));
    return encode({ ...parameters, hash: await this.#derive(password, parameters) });
  }

  /**
   * True when `stored` is a hash of `password`. With `stored` undefined (no such account) it takes as long and is
   * false, so that time does not tell which accounts exist.
   * @throws `login.busy` when too many wait, `store.unreadable` when `stored` is no hash of ours.
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const expected = stored === undefined ? this.#dummy : decode(stored);
    const actual = await this.#derive(password, expected);
    return timingSafeEqual(actual, expected.hash) && stored !== undefined;
  }

  async #derive(password: string, parameters: ScryptHash): Promise<Buffer> {
    await this.#enter();
    try {
      return await derive(password, parameters);
    } finally {
      this.#leave();
    }
  }

  #enter(): Promise<void> {
    if (this.#running < this.#effort.atOnce) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#effort.waiting) {
      throw new DrawbridgeError('login.busy', 'Too many people are signing in just now.', {
        hint: 'Try again in a few seconds.',
      });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}

/** A password that nobody has to invent: 120 random bits in five groups that can be read out. */
export function generatePassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
  // 31 characters: bytes at or above 248 would favour the first ones and are drawn again.
  const characters: string[] = [];
  while (characters.length < 25) {
    for (const byte of randomBytes(32)) {
      if (byte < 248 && characters.length < 25) characters.push(alphabet.charAt(byte % 31));
    }
  }
  return (characters.join('').match(/.{5}/g) ?? []).join('-');
}

function parametersFor({ parallelism }: HashingEffort, salt: Buffer, hash: Buffer): ScryptHash {
  return { log2N: LOG2_N, blockSize: BLOCK_SIZE, parallelism, salt, hash };
}

function derive(password: string, parameters: ScryptHash): Promise<Buffer> {
  const cost = 2 ** parameters.log2N;
  const options = {
    N: cost,
    r: parameters.blockSize,
    p: parameters.parallelism,
    maxmem: 128 * cost * parameters.blockSize * 2,
  };
  // NFKC, so that an accented letter typed on another keyboard is the same password.
  const text = password.normalize('NFKC');
  return new Promise((resolve, reject) => {
    scrypt(text, parameters.salt, parameters.hash.length, options, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

function encode(value: ScryptHash): string {
  const costs = `ln=${value.log2N},r=${value.blockSize},p=${value.parallelism}`;
  return `$scrypt$${costs}$${unpadded(value.salt)}$${unpadded(value.hash)}`;
}

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/]{16,88})\$([\w+/]{22,88})$/;
/** What bastions up to 0.1 wrote for their administrators: base64url, and N itself instead of its logarithm. */
const EARLIER = /^scrypt\$32768\$(8)\$(3)\$([\w-]{22})\$([\w-]{43})$/;

function decode(text: string): ScryptHash {
  const earlier = EARLIER.exec(text);
  const [, log2N, blockSize, parallelism, salt, hash] =
    earlier === null ? (PHC.exec(text) ?? []) : ['', String(LOG2_N), ...earlier.slice(1)];
  if (!log2N || !blockSize || !parallelism || !salt || !hash || Number(log2N) > LOG2_N_LIMIT) {
    throw new DrawbridgeError('store.unreadable', 'A stored password hash cannot be read.', {
      hint: 'Restore the database of this role from a backup.',
    });
  }
  return {
    log2N: Number(log2N),
    blockSize: Number(blockSize),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
