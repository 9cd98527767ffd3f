import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import { type Clock, isoTime } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import type { PolicySummary } from '../service.ts';
import { lineDifference } from './difference.ts';
import { type Policy, parsePolicy } from './schema.ts';

interface PolicyRow {
  readonly version: number;
  readonly applied_at: string;
  readonly applied_by: string;
  readonly sha256: string;
  readonly text: string;
}

export interface PolicyStoreOptions {
  /** Path of `policy.yaml`. The file is the truth; the database keeps its versions. */
  readonly path: string;
  readonly database: Database;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/** The policy in force, and every version before it. */
export class PolicyStore {
  readonly #options: PolicyStoreOptions;
  readonly #listeners = new Set<(policy: Policy) => void>();
  #policy: Policy;
  #summary: PolicySummary;
  #lastApply: Promise<unknown> = Promise.resolve();

  private constructor(options: PolicyStoreOptions, policy: Policy, summary: PolicySummary) {
    this.#options = options;
    this.#policy = policy;
    this.#summary = summary;
  }

  /**
   * Reads the file. When it differs from the last version, somebody edited it while nothing ran: that is a new version,
   * with its event.
   * @throws `policy.missing`, `policy.invalid`.
   */
  static async open(options: PolicyStoreOptions): Promise<PolicyStore> {
    const text = await readPolicyFile(options.path);
    const policy = parsePolicy(text, basename(options.path));
    const last = await options.database.get<PolicyRow>(
      'SELECT * FROM policies ORDER BY version DESC LIMIT 1',
    );
    if (last?.sha256 === sha256Of(text)) return new PolicyStore(options, policy, summaryOf(last));
    await announce(options.audit, 'system', last, text);
    return new PolicyStore(options, policy, await insert(options, last, text, 'system'));
  }

  /** What decides. */
  get policy(): Policy {
    return this.#policy;
  }

  get summary(): PolicySummary {
    return this.#summary;
  }

  /** Called after each change, once it is in force. Returns how to stop. */
  onChange(listener: (policy: Policy) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws `policy.invalid` with every fault. */
  check(text: string): Policy {
    return parsePolicy(text, basename(this.#options.path));
  }

  /**
   * Puts a policy in force: event, file, then live sessions are looked at again, then its row among the versions.
   * @throws `policy.invalid`, `policy.not_stored`, `audit.unavailable`: the old policy stays. `store.*`: the new one is
   * in force and the next start notes its version.
   */
  apply(actor: Actor, text: string): Promise<PolicySummary> {
    const turn = this.#lastApply.then(() => this.#apply(actor, text));
    this.#lastApply = turn.catch(() => undefined);
    return turn;
  }

  async #apply(actor: Actor, text: string): Promise<PolicySummary> {
    const policy = this.check(text);
    if (sha256Of(text) === this.#summary.sha256) return this.#summary;
    const last = { version: this.#summary.version, text: this.#summary.text };
    await announce(this.#options.audit, actor, last, text);
    await writePolicyFile(this.#options.path, text);
    this.#policy = policy;
    for (const listener of this.#listeners) listener(policy);
    this.#summary = await insert(this.#options, last, text, actor);
    return this.#summary;
  }
}

type LastVersion = Pick<PolicyRow, 'version' | 'text'> | undefined;

async function announce(audit: AuditSink, actor: Actor, last: LastVersion, text: string): Promise<void> {
  await audit.append({
    type: 'policy.changed',
    actor,
    version: (last?.version ?? 0) + 1,
    sha256: sha256Of(text),
    difference: lineDifference(last?.text ?? '', text),
  });
}

async function insert(
  options: PolicyStoreOptions,
  last: LastVersion,
  text: string,
  by: Actor,
): Promise<PolicySummary> {
  const row: PolicyRow = {
    version: (last?.version ?? 0) + 1,
    applied_at: isoTime(options.clock),
    applied_by: by,
    sha256: sha256Of(text),
    text,
  };
  await options.database.run(
    'INSERT INTO policies (version, applied_at, applied_by, sha256, text) VALUES (?, ?, ?, ?, ?)',
    [row.version, row.applied_at, row.applied_by, row.sha256, row.text],
  );
  return summaryOf(row);
}

function summaryOf(row: PolicyRow): PolicySummary {
  return {
    version: row.version,
    appliedAt: row.applied_at,
    appliedBy: row.applied_by,
    sha256: row.sha256,
    text: row.text,
  };
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function readPolicyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new DrawbridgeError('policy.missing', `The policy ${path} can not be read (${messageOf(error)}).`, {
      hint: 'Name the right file under policy: in bastion.yaml, or restore it.',
      cause: error,
    });
  }
}

async function writePolicyFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    const directory = await open(dirname(path), 'r');
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    throw new DrawbridgeError('policy.not_stored', `The policy could not be stored (${messageOf(error)}).`, {
      hint: `Check that there is room and that ${path} can be written. The old policy stays in force.`,
      cause: error,
    });
  }
}
