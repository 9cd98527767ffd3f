import { DrawbridgeError } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import type { Account, NewAccount } from './account.ts';
import type { AccountStore, RegisteredKey } from './store.ts';
import { stringList } from './stored-json.ts';

interface AccountRow {
  readonly username: string;
  readonly groups: string;
  readonly password_hash: string;
  readonly totp_secret: string;
  readonly disabled: number;
  readonly created_at_ms: number;
  readonly epoch: number;
}

interface KeyRow {
  readonly fingerprint: string;
  readonly username: string;
  readonly public_line: string;
  readonly added_at_ms: number;
}

/** Ends what was signed in with before. */
export const END_LOGINS = 'UPDATE logins SET ended_at_ms = ? WHERE username = ? AND ended_at_ms IS NULL';

/** Accounts and registered keys in SQLite. */
export class SqliteAccounts implements AccountStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async addAccount(account: NewAccount): Promise<void> {
    const { changes } = await this.#db.run(
      `INSERT INTO accounts (username, groups, password_hash, totp_secret, disabled, created_at_ms)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      [
        account.username,
        JSON.stringify(account.groups),
        account.passwordHash,
        account.totpSecret,
        account.disabled ? 1 : 0,
        account.createdAtMs,
      ],
    );
    if (changes === 0) {
      throw new DrawbridgeError('user.exists', `There is a user "${account.username}" already.`, {
        hint: 'Choose another name, or see `drawbridge proxy user ls`.',
      });
    }
  }

  async findAccount(username: string): Promise<Account | undefined> {
    const row = await this.#db.get<AccountRow>('SELECT * FROM accounts WHERE username = ?', [username]);
    return row && accountOf(row);
  }

  async listAccounts(): Promise<readonly Account[]> {
    return (await this.#db.all<AccountRow>('SELECT * FROM accounts ORDER BY username')).map(accountOf);
  }

  disableAccount(username: string, nowMs: number): Promise<boolean> {
    return this.#db.transaction(async (db) => {
      const { changes } = await db.run(
        'UPDATE accounts SET disabled = 1, epoch = epoch + 1 WHERE username = ?',
        [username],
      );
      await db.run(END_LOGINS, [nowMs, username]);
      return changes === 1;
    });
  }

  async enableAccount(username: string): Promise<boolean> {
    const { changes } = await this.#db.run('UPDATE accounts SET disabled = 0 WHERE username = ?', [username]);
    return changes === 1;
  }

  async replaceGroups(username: string, groups: readonly string[]): Promise<boolean> {
    const { changes } = await this.#db.run('UPDATE accounts SET groups = ? WHERE username = ?', [
      JSON.stringify(groups),
      username,
    ]);
    return changes === 1;
  }

  replaceTotpSecret(username: string, totpSecret: string, nowMs: number): Promise<boolean> {
    return this.#db.transaction(async (db) => {
      const { changes } = await db.run(
        'UPDATE accounts SET totp_secret = ?, totp_spent_step = 0, epoch = epoch + 1 WHERE username = ?',
        [totpSecret, username],
      );
      // Whoever lost one factor may have lost them all: the other ways to sign in are made anew as well.
      await db.run('DELETE FROM recovery_codes WHERE username = ?', [username]);
      await db.run('DELETE FROM security_keys WHERE username = ?', [username]);
      await db.run('DELETE FROM registration_links WHERE username = ?', [username]);
      await db.run(END_LOGINS, [nowMs, username]);
      return changes === 1;
    });
  }

  async spendTimeStep(username: string, timeStep: number): Promise<boolean> {
    const { changes } = await this.#db.run(
      'UPDATE accounts SET totp_spent_step = ? WHERE username = ? AND totp_spent_step < ?',
      [timeStep, username, timeStep],
    );
    return changes === 1;
  }

  async addKey(key: RegisteredKey): Promise<void> {
    const { changes } = await this.#db.run(
      `INSERT INTO registered_keys (fingerprint, username, public_line, added_at_ms)
       VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      [key.fingerprint, key.username, key.publicLine, key.addedAtMs],
    );
    if (changes === 0) {
      throw new DrawbridgeError('key.exists', `The key ${key.fingerprint} is registered already.`, {
        hint: 'A key belongs to one user; see `drawbridge proxy user key ls`.',
      });
    }
  }

  async findKey(fingerprint: string): Promise<RegisteredKey | undefined> {
    const row = await this.#db.get<KeyRow>('SELECT * FROM registered_keys WHERE fingerprint = ?', [
      fingerprint,
    ]);
    return row && keyOf(row);
  }

  async listKeys(username?: string): Promise<readonly RegisteredKey[]> {
    const rows =
      username === undefined
        ? await this.#db.all<KeyRow>('SELECT * FROM registered_keys ORDER BY username, added_at_ms')
        : await this.#db.all<KeyRow>(
            'SELECT * FROM registered_keys WHERE username = ? ORDER BY added_at_ms',
            [username],
          );
    return rows.map(keyOf);
  }

  async removeKey(username: string, fingerprint: string): Promise<boolean> {
    const { changes } = await this.#db.run(
      'DELETE FROM registered_keys WHERE username = ? AND fingerprint = ?',
      [username, fingerprint],
    );
    return changes === 1;
  }
}

function accountOf(row: AccountRow): Account {
  return {
    username: row.username,
    groups: stringList(row.groups),
    passwordHash: row.password_hash,
    totpSecret: row.totp_secret,
    disabled: row.disabled !== 0,
    createdAtMs: row.created_at_ms,
    epoch: row.epoch,
  };
}

function keyOf(row: KeyRow): RegisteredKey {
  return {
    fingerprint: row.fingerprint,
    username: row.username,
    publicLine: row.public_line,
    addedAtMs: row.added_at_ms,
  };
}
