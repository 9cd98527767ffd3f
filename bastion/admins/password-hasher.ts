import { randomBytes, randomInt, scrypt, timingSafeEqual } from 'node:crypto';
import { DrawbridgeError } from '../../shared/errors.ts';

/** OWASP's scrypt setting for 32 MiB: N = 2^15, r = 8, p = 3. One takes about a quarter of a second. */
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 } as const;
const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** How many checks may wait for their turn; beyond it sign-in is refused with `login.busy`. */
export const PASSWORD_QUEUE_LIMIT = 32;

/** Without look-alikes (0/o, 1/l/i), since people copy it from a screen. */
const PASSWORD_ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A password of 5 × 5 characters, 123 bits. */
export function generatePassword(): string {
  const group = () =>
    Array.from({ length: 5 }, () => PASSWORD_ALPHABET.charAt(randomInt(PASSWORD_ALPHABET.length))).join('');
  return Array.from({ length: 5 }, group).join('-');
}

/**
 * Hashes and checks passwords with scrypt, one at a time: each takes 32 MiB and a core, and the bastion has 1 GiB
 * and has sessions to carry.
 */
export class PasswordHasher {
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** `scrypt$N$r$p$salt$key`, the last two in base64url. @throws `login.busy`. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const key = await this.#derive(password, salt, COST);
    return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join(
      '$',
    );
  }

  /**
   * Whether `password` makes `stored`. Without `stored` (no such account) it works as long and answers no.
   * @throws `login.busy`.
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const parsed = stored === undefined ? undefined : parse(stored);
    if (parsed === undefined) {
      await this.#derive(password, Buffer.alloc(SALT_BYTES), COST);
      return false;
    }
    const key = await this.#derive(password, parsed.salt, parsed.cost);
    return key.length === parsed.key.length && timingSafeEqual(key, parsed.key);
  }

  async #derive(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
    if (this.#waiting >= PASSWORD_QUEUE_LIMIT) {
      throw new DrawbridgeError('login.busy', 'Too many sign-ins are being checked at this moment.', {
        hint: 'Try again in a few seconds.',
      });
    }
    this.#waiting += 1;
    const mine = this.#turn.then(() => deriveKey(password, salt, cost));
    this.#turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
    }
  }
}

interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly maxmem: number;
}

function deriveKey(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, cost, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function parse(stored: string): { cost: ScryptCost; salt: Buffer; key: Buffer } | undefined {
  const [scheme, N, r, p, salt, key] = stored.split('$');
  if (scheme !== 'scrypt' || salt === undefined || key === undefined) return undefined;
  return {
    cost: { N: Number(N), r: Number(r), p: Number(p), maxmem: COST.maxmem },
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  };
}
