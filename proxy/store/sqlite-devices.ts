import { parsePublicJwk } from '../../shared/identity/keys.ts';
import type { Database } from '../../shared/store/database.ts';
import type { Device, DeviceStore } from './device-store.ts';
import { jsonObject } from './stored-json.ts';

interface DeviceRow {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly public_jwk: string;
  readonly enrolled_at_ms: number;
  readonly approved_at_ms: number | null;
  readonly revoked_at_ms: number | null;
  readonly last_used_at_ms: number | null;
}

/** Devices in SQLite. */
export class SqliteDevices implements DeviceStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  addDevice(device: Device, limit: number): Promise<boolean> {
    return this.#db.transaction(async (db) => {
      const row = await db.get<{ held: number }>(
        'SELECT COUNT(*) AS held FROM devices WHERE username = ? AND revoked_at_ms IS NULL',
        [device.username],
      );
      if ((row?.held ?? 0) >= limit) return false;
      await db.run(
        'INSERT INTO devices (id, username, name, public_jwk, enrolled_at_ms) VALUES (?, ?, ?, ?, ?)',
        [device.id, device.username, device.name, JSON.stringify(device.publicJwk), device.enrolledAtMs],
      );
      return true;
    });
  }

  async findDevice(id: string): Promise<Device | undefined> {
    const row = await this.#db.get<DeviceRow>('SELECT * FROM devices WHERE id = ?', [id]);
    return row && deviceOf(row);
  }

  async listDevices(): Promise<readonly Device[]> {
    return (await this.#db.all<DeviceRow>('SELECT * FROM devices ORDER BY username, enrolled_at_ms')).map(
      deviceOf,
    );
  }

  async approveDevice(id: string, nowMs: number): Promise<boolean> {
    const { changes } = await this.#db.run(
      'UPDATE devices SET approved_at_ms = ? WHERE id = ? AND approved_at_ms IS NULL AND revoked_at_ms IS NULL',
      [nowMs, id],
    );
    return changes === 1;
  }

  revokeDevice(id: string, nowMs: number): Promise<boolean> {
    return this.#db.transaction(async (db) => {
      const { changes } = await db.run(
        'UPDATE devices SET revoked_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL',
        [nowMs, id],
      );
      await db.run('UPDATE logins SET ended_at_ms = ? WHERE device_id = ? AND ended_at_ms IS NULL', [
        nowMs,
        id,
      ]);
      return changes === 1;
    });
  }

  async deviceUsed(id: string, nowMs: number): Promise<void> {
    await this.#db.run('UPDATE devices SET last_used_at_ms = ? WHERE id = ?', [nowMs, id]);
  }
}

function deviceOf(row: DeviceRow): Device {
  return {
    id: row.id,
    username: row.username,
    name: row.name,
    publicJwk: parsePublicJwk(jsonObject(row.public_jwk)),
    enrolledAtMs: row.enrolled_at_ms,
    ...(row.approved_at_ms === null ? {} : { approvedAtMs: row.approved_at_ms }),
    ...(row.revoked_at_ms === null ? {} : { revokedAtMs: row.revoked_at_ms }),
    ...(row.last_used_at_ms === null ? {} : { lastUsedAtMs: row.last_used_at_ms }),
  };
}
