import { enterBeside } from '../../shared/audit/enter-beside.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { saidText } from '../../shared/plain-text.ts';
import type { Database } from '../../shared/store/database.ts';

/** Operators that can be locked out at once. */
export const LOCKS_MAX = 10_000;
const REASON_LIMIT_CHARACTERS = 500;

/** An operator whom the customer lets in no more, whatever the proxy says. */
export interface OperatorLock {
  readonly operator: string;
  readonly reason?: string;
  readonly lockedBy: string;
  /** Milliseconds since the epoch. */
  readonly lockedAtMs: number;
}

interface LockRow {
  readonly operator: string;
  readonly reason: string | null;
  readonly locked_by: string;
  readonly locked_at_ms: number;
}

export interface OperatorLocksOptions {
  readonly database: Database;
  readonly audit: AuditSink;
  readonly clock: Clock;
  /** Ends whatever the operator has open. Called before anything is stored. */
  readonly onLocked: (lock: OperatorLock, by: Actor) => void;
}

/** Who is locked out here. */
export class OperatorLocks {
  readonly #options: OperatorLocksOptions;
  readonly #locks = new Map<string, OperatorLock>();

  private constructor(options: OperatorLocksOptions) {
    this.#options = options;
  }

  /** @throws `store.*` */
  static async open(options: OperatorLocksOptions): Promise<OperatorLocks> {
    const locks = new OperatorLocks(options);
    for (const row of await options.database.all<LockRow>('SELECT * FROM operator_locks')) {
      const { operator, reason, locked_by: lockedBy, locked_at_ms: lockedAtMs } = row;
      locks.#locks.set(operator, { operator, lockedBy, lockedAtMs, ...(reason === null ? {} : { reason }) });
    }
    return locks;
  }

  isLocked(operator: string): boolean {
    return this.#locks.has(operator);
  }

  list(): readonly OperatorLock[] {
    return [...this.#locks.values()].sort((a, b) => a.operator.localeCompare(b.operator));
  }

  /**
   * Locks an operator out: live sessions end before anything is stored. Also one who was never here.
   * @throws `operator.too_many_locks`; `audit.unavailable`, when it holds all the same, also after the next start;
   *   `store.*`, when it holds only until then.
   */
  async lock(actor: Actor, operator: string, reason?: string): Promise<OperatorLock> {
    const { database, audit, clock, onLocked } = this.#options;
    if (!this.#locks.has(operator) && this.#locks.size >= LOCKS_MAX) {
      throw new DrawbridgeError('operator.too_many_locks', `${LOCKS_MAX} operators are locked out already.`);
    }
    const said = saidText(reason, REASON_LIMIT_CHARACTERS);
    const lock: OperatorLock = {
      operator,
      lockedBy: actor,
      lockedAtMs: clock.nowMs(),
      ...(said === undefined ? {} : { reason: said }),
    };
    this.#locks.set(operator, lock);
    onLocked(lock, actor);
    const event = { type: 'operator.locked', actor, operator, reason: lock.reason } as const;
    const entered = enterBeside(audit, event);
    await database.run(
      `INSERT INTO operator_locks (operator, reason, locked_by, locked_at_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (operator) DO UPDATE SET reason = excluded.reason, locked_by = excluded.locked_by,
         locked_at_ms = excluded.locked_at_ms`,
      [operator, lock.reason ?? null, actor, lock.lockedAtMs],
    );
    await entered;
    return lock;
  }

  /** @throws `operator.not_locked`, `audit.unavailable`, `store.*`: then the lock stays. */
  async unlock(actor: Actor, operator: string): Promise<void> {
    const { database, audit } = this.#options;
    if (!this.#locks.has(operator)) {
      throw new DrawbridgeError('operator.not_locked', `${operator.slice(0, 100)} is not locked out.`, {
        hint: 'See who is with drawbridge operators ls.',
      });
    }
    await audit.append({ type: 'operator.unlocked', actor, operator });
    await database.run('DELETE FROM operator_locks WHERE operator = ?', [operator]);
    this.#locks.delete(operator);
  }
}
