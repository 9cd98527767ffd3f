import { DrawbridgeError } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import type { Login, LoginStore } from './store.ts';
import { stringList } from './stored-json.ts';

interface LoginRow {
  readonly fingerprint: string;
  readonly username: string;
  readonly public_line: string;
  readonly amr: string;
  readonly auth_time_ms: number;
  readonly expires_at_ms: number;
  readonly device_id: string | null;
  readonly ended_at_ms: number | null;
}

/** Logins in SQLite. */
export class SqliteLogins implements LoginStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async addLogin(login: Login, epoch: number): Promise<boolean> {
    const { changes } = await this.#db.run(
      `INSERT INTO logins (fingerprint, username, public_line, amr, auth_time_ms, expires_at_ms, device_id)
       SELECT ?, ?, ?, ?, ?, ?, ? FROM accounts WHERE username = ? AND disabled = 0 AND epoch = ?
       ON CONFLICT DO NOTHING`,
      [
        login.fingerprint,
        login.username,
        login.publicLine,
        JSON.stringify(login.amr),
        login.authTimeMs,
        login.expiresAtMs,
        login.deviceId ?? null,
        login.username,
        epoch,
      ],
    );
    if (changes === 1) return true;
    if ((await this.findLogin(login.fingerprint)) !== undefined) {
      throw new DrawbridgeError('key.exists', 'This key has been used for a login before.', {
        hint: 'Make a fresh key for each login.',
      });
    }
    return false;
  }

  async findLogin(fingerprint: string): Promise<Login | undefined> {
    const row = await this.#db.get<LoginRow>('SELECT * FROM logins WHERE fingerprint = ?', [fingerprint]);
    return row && loginOf(row);
  }

  async bindDevice(fingerprint: string, deviceId: string): Promise<void> {
    await this.#db.run('UPDATE logins SET device_id = ? WHERE fingerprint = ? AND device_id IS NULL', [
      deviceId,
      fingerprint,
    ]);
  }

  async endLogin(fingerprint: string, nowMs: number): Promise<void> {
    await this.#db.run('UPDATE logins SET ended_at_ms = ? WHERE fingerprint = ? AND ended_at_ms IS NULL', [
      nowMs,
      fingerprint,
    ]);
  }

  async loginsOnDevice(deviceId: string): Promise<readonly string[]> {
    const rows = await this.#db.all<{ fingerprint: string }>(
      'SELECT fingerprint FROM logins WHERE device_id = ?',
      [deviceId],
    );
    return rows.map(({ fingerprint }) => fingerprint);
  }

  async forgetLogins(beforeMs: number): Promise<number> {
    return (await this.#db.run('DELETE FROM logins WHERE expires_at_ms < ?', [beforeMs])).changes;
  }
}

function loginOf(row: LoginRow): Login {
  return {
    fingerprint: row.fingerprint,
    username: row.username,
    publicLine: row.public_line,
    amr: stringList(row.amr),
    authTimeMs: row.auth_time_ms,
    expiresAtMs: row.expires_at_ms,
    ...(row.device_id === null ? {} : { deviceId: row.device_id }),
    ...(row.ended_at_ms === null ? {} : { endedAtMs: row.ended_at_ms }),
  };
}
