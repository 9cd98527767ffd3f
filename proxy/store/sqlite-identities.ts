import { z } from 'zod';
import type { ProviderEvidence } from '../../shared/identity/claims.ts';
import { keyCommitmentSchema } from '../../shared/identity/provider/key-commitment.ts';
import type { Database } from '../../shared/store/database.ts';
import type { NewAccount } from './account.ts';
import type { IdentityStore, LinkedAccount, LoginEvidence, ProvidedSubject } from './identity-store.ts';
import { jsonObject } from './stored-json.ts';

/** `proxy.db`: accounts of identity providers, and what these said at a login. */
export const IDENTITIES_MIGRATION = `
  CREATE TABLE linked_accounts (
    issuer   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    username TEXT NOT NULL UNIQUE REFERENCES accounts (username),
    PRIMARY KEY (issuer, subject)
  ) STRICT;

  CREATE TABLE login_evidence (
    fingerprint   TEXT PRIMARY KEY,
    token_hash    TEXT NOT NULL UNIQUE,
    evidence      TEXT,                         -- JSON object
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX login_evidence_by_expiry ON login_evidence (expires_at_ms);
`;

const evidenceSchema = keyCommitmentSchema.extend({ id_token: z.string() });

/** What identity providers said, in SQLite. */
export class SqliteIdentities implements IdentityStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  findAccountOf({ issuer, subject }: ProvidedSubject): Promise<LinkedAccount | undefined> {
    return this.#db.get<LinkedAccount & Record<string, string>>(
      'SELECT issuer, subject, username FROM linked_accounts WHERE issuer = ? AND subject = ?',
      [issuer, subject],
    );
  }

  addLinkedAccount(account: NewAccount, { issuer, subject }: ProvidedSubject): Promise<boolean> {
    const { username, groups, passwordHash, totpSecret, createdAtMs } = account;
    return this.#db.transaction(async (db) => {
      const held = await db.get(
        'SELECT 1 FROM accounts WHERE username = ? UNION SELECT 1 FROM linked_accounts WHERE issuer = ? AND subject = ?',
        [username, issuer, subject],
      );
      if (held) return false;
      await db.run(
        `INSERT INTO accounts (username, groups, password_hash, totp_secret, created_at_ms) VALUES (?, ?, ?, ?, ?)`,
        [username, JSON.stringify(groups), passwordHash, totpSecret, createdAtMs],
      );
      await db.run('INSERT INTO linked_accounts (issuer, subject, username) VALUES (?, ?, ?)', [
        issuer,
        subject,
        username,
      ]);
      return true;
    });
  }

  async isLinked(username: string): Promise<boolean> {
    const row = await this.#db.get('SELECT 1 AS found FROM linked_accounts WHERE username = ?', [username]);
    return row !== undefined;
  }

  async addEvidence({ fingerprint, tokenHash, evidence, expiresAtMs }: LoginEvidence): Promise<boolean> {
    const { changes } = await this.#db.run(
      `INSERT INTO login_evidence (fingerprint, token_hash, evidence, expires_at_ms)
       VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      [fingerprint, tokenHash, evidence === undefined ? null : JSON.stringify(evidence), expiresAtMs],
    );
    return changes === 1;
  }

  async findEvidence(fingerprint: string): Promise<ProviderEvidence | undefined> {
    const row = await this.#db.get<{ evidence: string | null }>(
      'SELECT evidence FROM login_evidence WHERE fingerprint = ?',
      [fingerprint],
    );
    const stored = row?.evidence ?? undefined;
    return stored === undefined ? undefined : evidenceSchema.parse(jsonObject(stored));
  }

  async forgetEvidence(beforeMs: number): Promise<void> {
    await this.#db.run('DELETE FROM login_evidence WHERE expires_at_ms < ?', [beforeMs]);
  }
}
