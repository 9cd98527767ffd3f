import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import { createBearerSecret, hashBearerSecret } from './bearer-secret.ts';
import type { AdminRole } from './role.ts';
import { tokensBeyond } from './token-descent.ts';

/** So that a leaked token is recognised by people and by secret scanners. */
const TOKEN_PREFIX = 'dba_';
/** API tokens that can exist at once. */
export const API_TOKEN_LIMIT = 100;
const TOUCH_PERIOD_MS = 60_000;

/** A token as it is listed: never the secret. */
export interface ApiTokenInfo {
  readonly name: string;
  readonly role: AdminRole;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly lastUsedAtMs?: number;
}

interface TokenRow {
  readonly name: string;
  readonly role: AdminRole;
  readonly created_by: string;
  readonly created_at: number;
  readonly last_used_at: number | null;
}

/** Tokens for programs (`Authorization: Bearer dba_…`). They do not expire; they are revoked. */
export class ApiTokens {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Makes a token and shows its secret this once. @throws `api_token.exists`, `api_token.too_many`, `api_token.not_found`. */
  async create(name: string, role: AdminRole, createdBy: string): Promise<ApiTokenInfo & { secret: string }> {
    const secret = createBearerSecret(TOKEN_PREFIX);
    const nowMs = this.#clock.nowMs();
    await this.#database.transaction(async (db) => {
      const count = await db.get<{ n: number }>('SELECT count(*) AS n FROM api_tokens');
      if ((count?.n ?? 0) >= API_TOKEN_LIMIT) {
        throw new DrawbridgeError('api_token.too_many', `There are ${API_TOKEN_LIMIT} API tokens already.`, {
          hint: 'Revoke those that are no longer used.',
        });
      }
      // Revoked since it was believed: what it makes now would be nobody's.
      const maker = createdBy.startsWith('token:') ? createdBy.slice('token:'.length) : undefined;
      const standing = 'SELECT 1 FROM api_tokens WHERE name = ?';
      if (maker !== undefined && (await db.get(standing, [maker])) === undefined) throw notFound(maker);
      const { changes } = await db.run(
        `INSERT INTO api_tokens (name, token_hash, role, created_by, created_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (name) DO NOTHING`,
        [name, hashBearerSecret(secret), role, createdBy, nowMs],
      );
      if (changes === 0) {
        throw new DrawbridgeError('api_token.exists', `There is an API token named "${name}" already.`, {
          hint: 'Choose another name, or revoke that token first.',
        });
      }
    });
    return { name, role, createdBy, createdAtMs: nowMs, secret };
  }

  /** Which token `secret` is, if any. */
  async find(secret: string): Promise<{ name: string; role: AdminRole } | undefined> {
    if (!secret.startsWith(TOKEN_PREFIX)) return undefined;
    const hash = hashBearerSecret(secret);
    const row = await this.#database.get<TokenRow>('SELECT * FROM api_tokens WHERE token_hash = ?', [hash]);
    if (row === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    if (nowMs - (row.last_used_at ?? 0) >= TOUCH_PERIOD_MS) {
      await this.#database.run('UPDATE api_tokens SET last_used_at = ? WHERE token_hash = ?', [nowMs, hash]);
    }
    return { name: row.name, role: row.role };
  }

  async list(): Promise<readonly ApiTokenInfo[]> {
    const rows = await this.#database.all<TokenRow>('SELECT * FROM api_tokens ORDER BY name');
    return rows.map((row) => ({
      name: row.name,
      role: row.role,
      createdBy: row.created_by,
      createdAtMs: row.created_at,
      ...(row.last_used_at === null ? {} : { lastUsedAtMs: row.last_used_at }),
    }));
  }

  /** Names of the tokens that were made with this one, by whatever chain. */
  async madeWith(name: string): Promise<readonly string[]> {
    const made = await tokensBeyond(this.#database, `token:${name}`);
    return made.map((token) => token.name).filter((other) => other !== name);
  }

  /** Takes it away, and what was made with it: who had it in their hands has these, too. @throws `api_token.not_found`. */
  revoke(name: string): Promise<void> {
    return this.#database.transaction(async (db) => {
      const made = await tokensBeyond(db, `token:${name}`);
      const { changes } = await db.run('DELETE FROM api_tokens WHERE name = ?', [name]);
      if (changes === 0) throw notFound(name);
      for (const token of made) await db.run('DELETE FROM api_tokens WHERE name = ?', [token.name]);
    });
  }
}

function notFound(name: string): DrawbridgeError {
  return new DrawbridgeError('api_token.not_found', `There is no API token named "${name}".`);
}
