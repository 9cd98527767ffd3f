import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import { type Clock, isoTime } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import { writeWholeFile } from '../../shared/store/whole-file.ts';
import { lineDifference } from './difference.ts';
import { type PolicySummary, type PolicyVersion, PolicyVersions } from './policy-versions.ts';
import { type Policy, parsePolicy } from './schema.ts';

/** Longest message that is kept with a version. */
export const MESSAGE_LIMIT_CHARACTERS = 500;

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
  readonly #versions: PolicyVersions;
  readonly #listeners = new Set<(policy: Policy) => void>();
  #policy: Policy;
  #summary: PolicySummary;
  #lastApply: Promise<unknown> = Promise.resolve();

  private constructor(options: PolicyStoreOptions, policy: Policy, summary: PolicySummary) {
    this.#options = options;
    this.#versions = new PolicyVersions(options.database);
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
    const versions = new PolicyVersions(options.database);
    const last = await versions.last();
    if (last?.sha256 === sha256Of(text)) return new PolicyStore(options, policy, last);
    const next = nextVersion(options.clock, 'system', last, text, { message: 'the file was changed' });
    await announce(options.audit, 'system', next, last);
    await versions.add(next);
    return new PolicyStore(options, policy, next);
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

  /** @throws `policy.not_found` */
  version(version: number): Promise<PolicySummary> {
    return this.#versions.get(version);
  }

  /** Newest first; `before` is a version's number, for paging. */
  history(options: { readonly before?: number; readonly limit: number }): Promise<PolicyVersion[]> {
    return this.#versions.list(options);
  }

  /** What changed from one version to another, line by line. @throws `policy.not_found` */
  async difference(from: number, to: number): Promise<string[]> {
    const [before, after] = await Promise.all([this.#versions.get(from), this.#versions.get(to)]);
    return lineDifference(before.text, after.text);
  }

  /**
   * Puts a policy in force: event, file, then live sessions are looked at again, then its row among the versions.
   * @throws `policy.invalid`, `policy.changed_meanwhile`, `policy.not_stored`, `audit.unavailable`: the old policy
   *   stays. `store.*`: the new one is in force and the next start notes its version.
   */
  apply(actor: Actor, text: string, options: ApplyOptions = {}): Promise<PolicySummary> {
    return this.#inTurn(() => this.#apply(actor, text, options));
  }

  /**
   * Puts an earlier version in force again, as a new one: the last before the one in force unless `to` names another.
   * @throws like {@link apply}, `policy.not_found`
   */
  undo(
    actor: Actor,
    options: { readonly to?: number; readonly message?: string } = {},
  ): Promise<PolicySummary> {
    return this.#inTurn(async () => {
      const undone = this.#summary.version;
      const earlier = await this.#versions.get(options.to ?? undone - 1);
      const message = options.message ?? `back to version ${earlier.version}`;
      return this.#apply(actor, earlier.text, { message });
    });
  }

  #inTurn(change: () => Promise<PolicySummary>): Promise<PolicySummary> {
    const turn = this.#lastApply.then(change);
    this.#lastApply = turn.catch(() => undefined);
    return turn;
  }

  async #apply(actor: Actor, text: string, options: ApplyOptions): Promise<PolicySummary> {
    const last = this.#summary;
    if (options.expectedVersion !== undefined && options.expectedVersion !== last.version) {
      throw new DrawbridgeError(
        'policy.changed_meanwhile',
        `Version ${last.version} of the policy is in force, not version ${options.expectedVersion}.`,
        { hint: 'Look at what changed, then apply again.' },
      );
    }
    const policy = this.check(text);
    if (sha256Of(text) === last.sha256) return last;
    const next = nextVersion(this.#options.clock, actor, last, text, options);
    await announce(this.#options.audit, actor, next, last);
    await this.#store(text, last.text);
    this.#policy = policy;
    for (const listener of this.#listeners) listener(policy);
    await this.#versions.add(next);
    this.#summary = next;
    return next;
  }

  /** When it can't be told whether the new text would survive a power failure, the old one has to: it is in force. */
  async #store(text: string, before: string): Promise<void> {
    const { path } = this.#options;
    try {
      await writePolicyFile(path, text);
    } catch (error) {
      if ((await readFile(path, 'utf8').catch(() => undefined)) !== before) {
        await writePolicyFile(path, before).catch(() => undefined);
      }
      throw error;
    }
  }
}

/** How a policy is put in force. */
export interface ApplyOptions {
  /** Why, for the history and the audit log. At most {@link MESSAGE_LIMIT_CHARACTERS} of it. */
  readonly message?: string;
  /** Refuse when another version is in force than the one that the change was made from. */
  readonly expectedVersion?: number;
}

function nextVersion(
  clock: Clock,
  by: Actor,
  last: PolicySummary | undefined,
  text: string,
  { message }: ApplyOptions,
): PolicySummary {
  return {
    version: (last?.version ?? 0) + 1,
    appliedAt: isoTime(clock),
    appliedBy: by,
    sha256: sha256Of(text),
    ...(message === undefined ? {} : { message: message.slice(0, MESSAGE_LIMIT_CHARACTERS) }),
    text,
  };
}

async function announce(
  audit: AuditSink,
  actor: Actor,
  next: PolicySummary,
  last: PolicySummary | undefined,
): Promise<void> {
  await audit.append({
    type: 'policy.changed',
    actor,
    version: next.version,
    sha256: next.sha256,
    message: next.message,
    difference: lineDifference(last?.text ?? '', next.text),
  });
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
  try {
    await writeWholeFile(path, text);
  } catch (error) {
    throw new DrawbridgeError('policy.not_stored', `The policy could not be stored (${messageOf(error)}).`, {
      hint: `Check that there is room and that ${path} can be written. The old policy stays in force.`,
      cause: error,
    });
  }
}
