import type { AuditSink } from '../../shared/audit/event.ts';
import type { AuditLog } from '../../shared/audit/log.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { recordingName } from '../sessions/recording-name.ts';
import type { Session } from '../sessions/session.ts';

/** How often the log is sealed with a checkpoint when nothing else asks for one. */
const CHECKPOINT_MS = 10 * 60 * 1000;

/** How often the recordings that grow enter the log with a digest of what they hold so far. */
const GROWING_MS = 2 * 60 * 1000;

/** Sessions that end within this time are sealed by one checkpoint. */
const COALESCED_MS = 500;

/** What a {@link Sealing} needs. */
export interface SealingParts {
  readonly auditLog: Pick<AuditLog, 'checkpoint' | 'subscribe'>;
  readonly audit: AuditSink;
  liveSessions(): Iterable<Session>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Seals the audit log with checkpoints: at every change of the gate, at the end of sessions, and at intervals; and binds
 * the recordings that still grow into it, by the digest of their beginning.
 */
export class Sealing {
  readonly #parts: SealingParts;
  readonly #stops: (() => void)[] = [];
  /** Size of a growing recording when it last entered the log, by its path there. */
  #entered = new Map<string, number>();
  #soon: Timer | undefined;
  #binding: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: SealingParts) {
    this.#parts = parts;
    const { auditLog, clock } = parts;
    const intervals = [
      clock.every(CHECKPOINT_MS, () => this.seal()),
      clock.every(GROWING_MS, () => void this.bindGrowing()),
    ];
    this.#stops.push(
      ...intervals.map((timer) => () => timer.cancel()),
      auditLog.subscribe((event) => {
        if (event.type === 'session.ended') this.#sealSoon();
      }),
    );
  }

  /** Signs a checkpoint over everything stored so far. Never fails: who can't store a checkpoint can't store an act. */
  seal(): void {
    this.#soon?.cancel();
    this.#soon = undefined;
    this.#parts.auditLog
      .checkpoint()
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'no checkpoint could be signed'));
  }

  /** Enters the digest of each recording that has grown since it was last entered, then seals the log. */
  bindGrowing(): Promise<void> {
    this.#binding ??= this.#enterGrowing()
      .catch((error: unknown) =>
        this.#parts.log.error({ err: error }, 'growing recordings were not bound in'),
      )
      .finally(() => {
        this.#binding = undefined;
      });
    return this.#binding;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#soon?.cancel();
    await this.#binding;
  }

  #sealSoon(): void {
    this.#soon ??= this.#parts.clock.after(COALESCED_MS, () => this.seal());
  }

  async #enterGrowing(): Promise<void> {
    const before = this.#entered;
    const entered = new Map<string, number>();
    for (const { identity, openChannels } of [...this.#parts.liveSessions()]) {
      for (const { number, recording } of [...openChannels]) {
        if (recording === undefined || this.#stopped) continue;
        const path = recordingName(identity, number, recording.isEncrypted);
        const bound = recording.bindBeginning();
        if (bound === undefined) continue;
        const { sha256, sizeBytes } = bound;
        entered.set(path, sizeBytes);
        if (sizeBytes === (before.get(path) ?? 0)) continue;
        const { id, operator, host, login } = identity;
        const subject = { actor: `operator:${operator}`, operator, session: id, host, login } as const;
        await this.#parts.audit.append({
          type: 'recording.grew',
          ...subject,
          channel: number,
          path,
          sizeBytes,
          sha256,
        });
      }
    }
    this.#entered = entered;
    if ([...entered].some(([path, size]) => before.get(path) !== size)) this.seal();
  }
}
