import { DrawbridgeError } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';

/** A version of the policy, as lists show it. */
export interface PolicyVersion {
  readonly version: number;
  /** ISO time. */
  readonly appliedAt: string;
  readonly appliedBy: string;
  /** SHA-256 (hexadecimal) of the text. */
  readonly sha256: string;
  /** Why, as whoever applied it said. */
  readonly message?: string;
}

/** A version with its text. */
export interface PolicySummary extends PolicyVersion {
  readonly text: string;
}

interface PolicyRow {
  readonly version: number;
  readonly applied_at: string;
  readonly applied_by: string;
  readonly sha256: string;
  readonly message: string | null;
  readonly text: string;
}

/** Every version that was ever in force. Nothing is taken out of it. */
export class PolicyVersions {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async last(): Promise<PolicySummary | undefined> {
    const row = await this.#database.get<PolicyRow>('SELECT * FROM policies ORDER BY version DESC LIMIT 1');
    return row === undefined ? undefined : summaryOf(row);
  }

  /** @throws `policy.not_found` */
  async get(version: number): Promise<PolicySummary> {
    const row = await this.#database.get<PolicyRow>('SELECT * FROM policies WHERE version = ?', [version]);
    if (row !== undefined) return summaryOf(row);
    throw new DrawbridgeError('policy.not_found', `There is no version ${version} of the policy.`, {
      hint: 'See which there are with: drawbridge policy history',
    });
  }

  /** Newest first, older than `before`. */
  async list(options: { readonly before?: number; readonly limit: number }): Promise<PolicyVersion[]> {
    const rows = await this.#database.all<PolicyRow>(
      `SELECT version, applied_at, applied_by, sha256, message, '' AS text FROM policies
       WHERE version < ? ORDER BY version DESC LIMIT ?`,
      [options.before ?? Number.MAX_SAFE_INTEGER, options.limit],
    );
    return rows.map((row) => versionOf(row));
  }

  async add(policy: PolicySummary): Promise<void> {
    await this.#database.run(
      `INSERT INTO policies (version, applied_at, applied_by, sha256, message, text)
       VALUES (?, ?, ?, ?, ?, ?)`,
      [
        policy.version,
        policy.appliedAt,
        policy.appliedBy,
        policy.sha256,
        policy.message ?? null,
        policy.text,
      ],
    );
  }
}

function versionOf(row: PolicyRow): PolicyVersion {
  return {
    version: row.version,
    appliedAt: row.applied_at,
    appliedBy: row.applied_by,
    sha256: row.sha256,
    ...(row.message === null ? {} : { message: row.message }),
  };
}

function summaryOf(row: PolicyRow): PolicySummary {
  return { ...versionOf(row), text: row.text };
}
