import { type PublicJwk, parsePublicJwk } from '../../shared/identity/keys.ts';
import type { Database } from '../../shared/store/database.ts';
import type { EnrolledBastion, EnrolmentStore, StoredJoinToken } from './store.ts';
import { jsonObject } from './stored-json.ts';

interface BastionRow {
  readonly id: string;
  readonly name: string;
  readonly public_jwk: string;
  readonly ssh_host_key: string;
  readonly fields: string;
  readonly enrolled_at_ms: number;
  readonly revoked_at_ms: number | null;
}

interface TokenRow {
  readonly kid: string;
  readonly public_jwk: string;
  readonly name: string;
  readonly expires_at_ms: number;
  readonly spent_at_ms: number | null;
}

/** Bastions and join tokens in SQLite. */
export class SqliteEnrolments implements EnrolmentStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async addJoinToken(token: StoredJoinToken): Promise<void> {
    await this.#db.run('INSERT INTO join_tokens (kid, public_jwk, name, expires_at_ms) VALUES (?, ?, ?, ?)', [
      token.kid,
      JSON.stringify(token.publicJwk),
      token.name,
      token.expiresAtMs,
    ]);
  }

  async findJoinToken(kid: string): Promise<StoredJoinToken | undefined> {
    const row = await this.#db.get<TokenRow>('SELECT * FROM join_tokens WHERE kid = ?', [kid]);
    return row && tokenOf(row);
  }

  enrol(kid: string, bastion: EnrolledBastion): Promise<'enrolled' | 'spent' | 'name_taken' | 'id_taken'> {
    return this.#db.transaction(async (db) => {
      const known = await db.get<BastionRow>('SELECT * FROM bastions WHERE id = ?', [bastion.id]);
      if (known && known.revoked_at_ms === null) return 'id_taken';
      const holder = await db.get('SELECT 1 FROM bastions WHERE name = ? AND revoked_at_ms IS NULL', [
        bastion.name,
      ]);
      if (holder) return 'name_taken';
      const { changes } = await db.run(
        'UPDATE join_tokens SET spent_at_ms = ? WHERE kid = ? AND spent_at_ms IS NULL',
        [bastion.enrolledAtMs, kid],
      );
      if (changes !== 1) return 'spent';
      // A bastion that was revoked and got a new token keeps its id and comes back under the new name and key.
      await db.run(
        `INSERT OR REPLACE INTO bastions (id, name, public_jwk, ssh_host_key, fields, enrolled_at_ms)
         VALUES (?, ?, ?, ?, ?, ?)`,
        [
          bastion.id,
          bastion.name,
          JSON.stringify(bastion.publicJwk),
          bastion.sshHostKey,
          JSON.stringify(bastion.fields),
          bastion.enrolledAtMs,
        ],
      );
      return 'enrolled';
    });
  }

  async findBastion(id: string): Promise<EnrolledBastion | undefined> {
    const row = await this.#db.get<BastionRow>('SELECT * FROM bastions WHERE id = ?', [id]);
    return row && bastionOf(row);
  }

  async findBastionByName(name: string): Promise<EnrolledBastion | undefined> {
    const row = await this.#db.get<BastionRow>(
      'SELECT * FROM bastions WHERE name = ? AND revoked_at_ms IS NULL',
      [name],
    );
    return row && bastionOf(row);
  }

  async listBastions(): Promise<readonly EnrolledBastion[]> {
    return (await this.#db.all<BastionRow>('SELECT * FROM bastions ORDER BY name, enrolled_at_ms')).map(
      bastionOf,
    );
  }

  async succeedBastion(
    id: string,
    keys: { readonly from: PublicJwk; readonly to: PublicJwk },
  ): Promise<boolean> {
    const { changes } = await this.#db.run(
      `UPDATE bastions SET public_jwk = ? WHERE id = ? AND public_jwk ->> 'x' = ? AND revoked_at_ms IS NULL`,
      [JSON.stringify(keys.to), id, keys.from.x],
    );
    return changes === 1;
  }

  async pinHostKey(id: string, sshHostKey: string): Promise<void> {
    await this.#db.run('UPDATE bastions SET ssh_host_key = ? WHERE id = ? AND revoked_at_ms IS NULL', [
      sshHostKey,
      id,
    ]);
  }

  async revokeBastion(id: string, nowMs: number): Promise<boolean> {
    const { changes } = await this.#db.run(
      'UPDATE bastions SET revoked_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL',
      [nowMs, id],
    );
    return changes === 1;
  }
}

function bastionOf(row: BastionRow): EnrolledBastion {
  return {
    id: row.id,
    name: row.name,
    publicJwk: parsePublicJwk(jsonObject(row.public_jwk)),
    sshHostKey: row.ssh_host_key,
    fields: jsonObject(row.fields),
    enrolledAtMs: row.enrolled_at_ms,
    ...(row.revoked_at_ms === null ? {} : { revokedAtMs: row.revoked_at_ms }),
  };
}

function tokenOf(row: TokenRow): StoredJoinToken {
  return {
    kid: row.kid,
    publicJwk: parsePublicJwk(jsonObject(row.public_jwk)),
    name: row.name,
    expiresAtMs: row.expires_at_ms,
    ...(row.spent_at_ms === null ? {} : { spentAtMs: row.spent_at_ms }),
  };
}
