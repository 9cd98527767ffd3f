import { z } from 'zod';
import { type Clock, isoTime } from '../../shared/clock.ts';
import { type PublicJwk, parsePublicJwk } from '../../shared/identity/keys.ts';
import type { Database } from '../../shared/store/database.ts';

/** An agent that has joined. */
export interface EnrolledAgent {
  readonly id: string;
  /** The host's name. */
  readonly name: string;
  readonly publicJwk: PublicJwk;
  /** OpenSSH public line of the SSH server in the agent, pinned. */
  readonly sshHostKey: string;
  readonly target: 'builtin' | 'sshd';
  readonly labels: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly platform?: string;
  readonly joinedAt: string;
  readonly lastSeenAt?: string;
}

/** A join token that can still be used. */
export interface StoredToken {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly public_key: string;
  readonly ssh_host_key: string;
  readonly target: 'builtin' | 'sshd';
  readonly labels: string;
  readonly version: string | null;
  readonly platform: string | null;
  readonly joined_at: string;
  readonly last_seen_at: string | null;
}

interface TokenRow {
  readonly kid: string;
  readonly public_key: string;
  readonly name: string;
  readonly labels: string;
}

const labelsSchema = z.record(z.string(), z.string());

/** Agents and join tokens in `bastion.db`. */
export class AgentStore {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Agents that are not revoked, by name. */
  async list(): Promise<EnrolledAgent[]> {
    const rows = await this.#database.all<AgentRow>(
      'SELECT * FROM agents WHERE revoked_at IS NULL ORDER BY name',
    );
    return rows.map(agentOf);
  }

  async findById(id: string): Promise<EnrolledAgent | undefined> {
    const row = await this.#database.get<AgentRow>(
      'SELECT * FROM agents WHERE id = ? AND revoked_at IS NULL',
      [id],
    );
    return row === undefined ? undefined : agentOf(row);
  }

  async findByName(name: string): Promise<EnrolledAgent | undefined> {
    const row = await this.#database.get<AgentRow>(
      'SELECT * FROM agents WHERE name = ? AND revoked_at IS NULL',
      [name],
    );
    return row === undefined ? undefined : agentOf(row);
  }

  /** Pins the agent's new key in place of the old one. False when another one is pinned, or it was revoked. */
  async succeed(id: string, keys: { readonly from: PublicJwk; readonly to: PublicJwk }): Promise<boolean> {
    const { changes } = await this.#database.run(
      `UPDATE agents SET public_key = ? WHERE id = ? AND public_key ->> 'x' = ? AND revoked_at IS NULL`,
      [JSON.stringify(keys.to), id, keys.from.x],
    );
    return changes === 1;
  }

  /** Pins another key of the SSH server in the agent. */
  async pinHostKey(id: string, sshHostKey: string): Promise<void> {
    await this.#database.run('UPDATE agents SET ssh_host_key = ? WHERE id = ? AND revoked_at IS NULL', [
      sshHostKey,
      id,
    ]);
  }

  /** False when nobody by that name was enrolled. */
  async revoke(name: string): Promise<boolean> {
    const { changes } = await this.#database.run(
      'UPDATE agents SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL',
      [isoTime(this.#clock), name],
    );
    return changes > 0;
  }

  async seen(id: string, hello?: { version?: string; platform?: string; target?: string }): Promise<void> {
    await this.#database.run(
      `UPDATE agents SET last_seen_at = ?, version = coalesce(?, version), platform = coalesce(?, platform),
       target = coalesce(?, target) WHERE id = ?`,
      [isoTime(this.#clock), hello?.version ?? null, hello?.platform ?? null, hello?.target ?? null, id],
    );
  }

  async addToken(token: {
    kid: string;
    publicJwk: PublicJwk;
    name: string;
    labels: Readonly<Record<string, string>>;
    createdBy: string;
    expiresAtMs: number;
  }): Promise<void> {
    await this.#database.run(
      `INSERT INTO join_tokens (kid, public_key, name, labels, created_at, created_by, expires_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [
        token.kid,
        JSON.stringify(token.publicJwk),
        token.name,
        JSON.stringify(token.labels),
        isoTime(this.#clock),
        token.createdBy,
        token.expiresAtMs,
      ],
    );
  }

  /** A token that is neither used nor expired. */
  async findToken(kid: string): Promise<StoredToken | undefined> {
    const row = await this.#database.get<TokenRow>(
      'SELECT * FROM join_tokens WHERE kid = ? AND used_at IS NULL AND expires_at_ms > ?',
      [kid, this.#clock.nowMs()],
    );
    if (row === undefined) return undefined;
    return {
      kid: row.kid,
      publicJwk: parsePublicJwk(JSON.parse(row.public_key)),
      name: row.name,
      labels: labelsOf(row.labels),
    };
  }

  /**
   * Spends the token and enrols the agent, both or neither. False when the token was spent meanwhile or the name is
   * taken.
   */
  async enrol(kid: string, agent: Omit<EnrolledAgent, 'joinedAt' | 'lastSeenAt'>): Promise<boolean> {
    const now = isoTime(this.#clock);
    return this.#database.transaction(async (database) => {
      const taken = await database.get('SELECT 1 FROM agents WHERE name = ? AND revoked_at IS NULL', [
        agent.name,
      ]);
      if (taken !== undefined) return false;
      const spent = await database.run(
        'UPDATE join_tokens SET used_at = ? WHERE kid = ? AND used_at IS NULL AND expires_at_ms > ?',
        [now, kid, this.#clock.nowMs()],
      );
      if (spent.changes !== 1) return false;
      await database.run(
        `INSERT INTO agents (id, name, public_key, ssh_host_key, target, labels, version, platform, joined_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, ssh_host_key = excluded.ssh_host_key,
           target = excluded.target, labels = excluded.labels, version = excluded.version,
           platform = excluded.platform, joined_at = excluded.joined_at, last_seen_at = NULL, revoked_at = NULL`,
        [
          agent.id,
          agent.name,
          JSON.stringify(agent.publicJwk),
          agent.sshHostKey,
          agent.target,
          JSON.stringify(agent.labels),
          agent.version ?? null,
          agent.platform ?? null,
          now,
        ],
      );
      return true;
    });
  }
}

function agentOf(row: AgentRow): EnrolledAgent {
  return {
    id: row.id,
    name: row.name,
    publicJwk: parsePublicJwk(JSON.parse(row.public_key)),
    sshHostKey: row.ssh_host_key,
    target: row.target,
    labels: labelsOf(row.labels),
    ...(row.version === null ? {} : { version: row.version }),
    ...(row.platform === null ? {} : { platform: row.platform }),
    joinedAt: row.joined_at,
    ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at }),
  };
}

function labelsOf(text: string): Record<string, string> {
  return labelsSchema.parse(JSON.parse(text));
}
