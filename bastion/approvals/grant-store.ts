import { z } from 'zod';
import type { Actor } from '../../shared/audit/event.ts';
import type { Database } from '../../shared/store/database.ts';
import type { Grant } from './grant.ts';

interface GrantRow {
  readonly id: string;
  readonly request: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly role: string;
  readonly reason: string | null;
  readonly approved_by: string;
  readonly granted_at_ms: number;
  readonly until_ms: number;
  readonly boot_id: string | null;
  readonly until_uptime_ms: number | null;
}

const approvedBy = z.array(z.string());

/** Grants in `bastion.db`. */
export class GrantStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(grant: Grant): Promise<void> {
    await this.#database.run(
      `INSERT INTO grants (id, request, operator, host, login, role, reason, approved_by, granted_at_ms, until_ms,
         boot_id, until_uptime_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        grant.id,
        grant.request,
        grant.operator,
        grant.host,
        grant.login,
        grant.role,
        grant.reason ?? null,
        JSON.stringify(grant.approvedBy),
        grant.grantedAtMs,
        grant.untilMs,
        grant.boot?.id ?? null,
        grant.boot?.untilUptimeMs ?? null,
      ],
    );
  }

  /** Notes that a grant has ended before its time, or with it. */
  async end(id: string, atMs: number): Promise<void> {
    await this.#database.run('UPDATE grants SET ended_at_ms = ? WHERE id = ? AND ended_at_ms IS NULL', [
      atMs,
      id,
    ]);
  }

  /** All to whom something was granted at some time. */
  async listOperators(): Promise<string[]> {
    const rows = await this.#database.all<{ operator: string }>('SELECT DISTINCT operator FROM grants');
    return rows.map(({ operator }) => operator);
  }

  /** Those that nobody has noted the end of. */
  async listOpen(): Promise<Grant[]> {
    const rows = await this.#database.all<GrantRow>('SELECT * FROM grants WHERE ended_at_ms IS NULL');
    return rows.map(grantOf);
  }
}

function grantOf(row: GrantRow): Grant {
  const { boot_id: id, until_uptime_ms: untilUptimeMs } = row;
  return {
    id: row.id,
    request: row.request,
    operator: row.operator,
    host: row.host,
    login: row.login,
    role: row.role,
    ...(row.reason === null ? {} : { reason: row.reason }),
    approvedBy: approvedBy.parse(JSON.parse(row.approved_by)) as Actor[],
    grantedAtMs: row.granted_at_ms,
    untilMs: row.until_ms,
    ...(id === null || untilUptimeMs === null ? {} : { boot: { id, untilUptimeMs } }),
  };
}
