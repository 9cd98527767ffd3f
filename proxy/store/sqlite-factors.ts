import type { Database } from '../../shared/store/database.ts';
import type { FactorStore, SecurityKey } from './factor-store.ts';
import { END_LOGINS } from './sqlite-accounts.ts';
import { stringList } from './stored-json.ts';

interface SecurityKeyRow {
  readonly credential_id: string;
  readonly username: string;
  readonly name: string;
  readonly public_key: string;
  readonly counter: number;
  readonly device_bound: number;
  readonly transports: string;
  readonly added_at_ms: number;
  readonly last_used_at_ms: number | null;
}

/** Recovery codes and security keys in SQLite. */
export class SqliteFactors implements FactorStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async replaceRecoveryCodes(username: string, hashes: readonly string[]): Promise<void> {
    await this.#db.transaction(async (db) => {
      await db.run('DELETE FROM recovery_codes WHERE username = ?', [username]);
      for (const hash of hashes)
        await db.run('INSERT INTO recovery_codes (username, hash) VALUES (?, ?)', [username, hash]);
    });
  }

  async spendRecoveryCode(username: string, hash: string, nowMs: number): Promise<boolean> {
    const { changes } = await this.#db.run(
      'UPDATE recovery_codes SET spent_at_ms = ? WHERE username = ? AND hash = ? AND spent_at_ms IS NULL',
      [nowMs, username, hash],
    );
    return changes === 1;
  }

  async countRecoveryCodes(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.all<{ username: string; left: number }>(
      'SELECT username, COUNT(*) AS left FROM recovery_codes WHERE spent_at_ms IS NULL GROUP BY username',
    );
    return new Map(rows.map(({ username, left }) => [username, left]));
  }

  async addRegistrationLink(link: {
    readonly hash: string;
    readonly username: string;
    readonly expiresAtMs: number;
  }): Promise<void> {
    await this.#db.run('INSERT INTO registration_links (hash, username, expires_at_ms) VALUES (?, ?, ?)', [
      link.hash,
      link.username,
      link.expiresAtMs,
    ]);
  }

  async findRegistrationLink(hash: string, nowMs: number): Promise<string | undefined> {
    const row = await this.#db.get<{ username: string }>(
      'SELECT username FROM registration_links WHERE hash = ? AND spent_at_ms IS NULL AND expires_at_ms > ?',
      [hash, nowMs],
    );
    return row?.username;
  }

  replaceAuthenticator(
    hash: string,
    made: Parameters<FactorStore['replaceAuthenticator']>[1],
    nowMs: number,
  ): Promise<boolean> {
    const { username, totpSecret, spentStep, recoveryHashes } = made;
    return this.#db.transaction(async (db) => {
      if (!(await spendLink(db, hash, username, nowMs))) return false;
      await db.run(
        'UPDATE accounts SET totp_secret = ?, totp_spent_step = ?, epoch = epoch + 1 WHERE username = ?',
        [totpSecret, spentStep, username],
      );
      await db.run('DELETE FROM recovery_codes WHERE username = ?', [username]);
      for (const recoveryHash of recoveryHashes)
        await db.run('INSERT INTO recovery_codes (username, hash) VALUES (?, ?)', [username, recoveryHash]);
      await db.run(END_LOGINS, [nowMs, username]);
      return true;
    });
  }

  registerSecurityKey(
    hash: string,
    key: SecurityKey,
    nowMs: number,
  ): Promise<'registered' | 'spent' | 'known'> {
    return this.#db.transaction(async (db) => {
      const known = await db.get(
        'SELECT 1 AS found FROM security_keys WHERE credential_id = ? OR (username = ? AND name = ?)',
        [key.credentialId, key.username, key.name],
      );
      if (known) return 'known';
      if (!(await spendLink(db, hash, key.username, nowMs))) return 'spent';
      await db.run(
        `INSERT INTO security_keys
           (credential_id, username, name, public_key, counter, device_bound, transports, added_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        [
          key.credentialId,
          key.username,
          key.name,
          key.publicKey,
          key.counter,
          key.deviceBound ? 1 : 0,
          JSON.stringify(key.transports),
          key.addedAtMs,
        ],
      );
      return 'registered';
    });
  }

  async findSecurityKey(credentialId: string): Promise<SecurityKey | undefined> {
    const row = await this.#db.get<SecurityKeyRow>('SELECT * FROM security_keys WHERE credential_id = ?', [
      credentialId,
    ]);
    return row && securityKeyOf(row);
  }

  async listSecurityKeys(username?: string): Promise<readonly SecurityKey[]> {
    const rows =
      username === undefined
        ? await this.#db.all<SecurityKeyRow>('SELECT * FROM security_keys ORDER BY username, added_at_ms')
        : await this.#db.all<SecurityKeyRow>(
            'SELECT * FROM security_keys WHERE username = ? ORDER BY added_at_ms',
            [username],
          );
    return rows.map(securityKeyOf);
  }

  async useSecurityKey(
    credentialId: string,
    before: number,
    counter: number,
    nowMs: number,
  ): Promise<boolean> {
    const { changes } = await this.#db.run(
      'UPDATE security_keys SET counter = ?, last_used_at_ms = ? WHERE credential_id = ? AND counter = ?',
      [counter, nowMs, credentialId, before],
    );
    return changes === 1;
  }

  async removeSecurityKey(username: string, name: string): Promise<boolean> {
    const { changes } = await this.#db.run('DELETE FROM security_keys WHERE username = ? AND name = ?', [
      username,
      name,
    ]);
    return changes === 1;
  }
}

function securityKeyOf(row: SecurityKeyRow): SecurityKey {
  return {
    credentialId: row.credential_id,
    username: row.username,
    name: row.name,
    publicKey: row.public_key,
    counter: row.counter,
    deviceBound: row.device_bound !== 0,
    transports: stringList(row.transports),
    addedAtMs: row.added_at_ms,
    ...(row.last_used_at_ms === null ? {} : { lastUsedAtMs: row.last_used_at_ms }),
  };
}

/** True for exactly one caller per link. */
async function spendLink(
  db: Pick<Database, 'run'>,
  hash: string,
  username: string,
  nowMs: number,
): Promise<boolean> {
  const { changes } = await db.run(
    `UPDATE registration_links SET spent_at_ms = ?
     WHERE hash = ? AND username = ? AND spent_at_ms IS NULL AND expires_at_ms > ?`,
    [nowMs, hash, username, nowMs],
  );
  return changes === 1;
}
