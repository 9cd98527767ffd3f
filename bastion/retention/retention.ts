import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { GZIP_SUFFIX } from '../../recordings/stored-cast.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import { type Clock, isoTime, type Timer } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { FinishedRecording, LegalHold, RecordingCatalogue } from './recording-catalogue.ts';

/** How often recordings are looked at. */
export const ROUND_MS = 60 * 60 * 1000;

/** A clock that differs by more from what it was at the start plus the time since has been set. */
const CLOCK_JUMP_MS = 60 * 60 * 1000;

/** When the bastion seems to have been away for longer, its clock is not believed at once. */
const LONG_AWAY_MS = 30 * 24 * 60 * 60 * 1000;

/** How long such a clock must stand before recordings are deleted by age: time to notice and set it right. */
const DISTRUST_MS = 24 * 60 * 60 * 1000;

/** Recordings deleted in one round; the next goes on. */
const ROUND_LIMIT = 10_000;
const PAGE = 100;

/** Reason for a legal hold or a deletion, in UTF-16 code units. */
export const REASON_LIMIT = 500;

export interface RetentionParts {
  readonly catalogue: RecordingCatalogue;
  readonly audit: AuditSink;
  readonly recordingsDirectory: string;
  /** Recordings are deleted when they are older. */
  readonly keepForMs?: number;
  /** The oldest are deleted while all together take more on the disk. */
  readonly keepBytes?: number;
  /** Called when a recording is gone. */
  readonly onDeleted: (recording: FinishedRecording) => Promise<void>;
  readonly isLive: (session: string) => boolean;
  /** ISO time of the newest event before this start, if there is one: when the clock was right at last. */
  readonly lastEventAt: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Deletes recordings that are old, or too many, or that an administrator wants gone, and nothing that is on legal hold.
 * Each deletion is in the audit log, with the digest of what is deleted, before the file goes.
 */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #timer: Timer;
  readonly #startedNowMs: number;
  readonly #startedMonotonicMs: number;
  readonly #wasLongAway: boolean;
  #last: Promise<unknown> = Promise.resolve();
  #warning: string | undefined;
  #closed = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    const { clock, lastEventAt } = parts;
    this.#startedNowMs = clock.nowMs();
    this.#startedMonotonicMs = clock.monotonicMs();
    this.#wasLongAway =
      lastEventAt !== undefined && this.#startedNowMs - Date.parse(lastEventAt) > LONG_AWAY_MS;
    this.#timer = clock.every(ROUND_MS, () => void this.round());
  }

  /** One sentence when recordings can't be deleted as configured. */
  get warning(): string | undefined {
    return this.#warning;
  }

  /** Resolves when what is being done is done; nothing more is begun. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    await this.#last.catch(() => undefined);
  }

  /** Deletes what is due by age and size. A fault is logged, shown as {@link warning}, and tried again next time. */
  round(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        this.#warning = undefined;
        await this.#deleteOld();
        await this.#deleteOverSize();
      } catch (error) {
        this.#warning = 'Recordings that are due can not be deleted; see the log of the bastion.';
        this.#parts.log.error({ err: error }, 'recordings that are due could not be deleted');
      }
    });
  }

  /**
   * Deletes recordings of a session, or one of its channels, for a stated reason.
   * @throws `recording.not_found`, `recording.held`, `recording.live`, `audit.unavailable`
   */
  delete(actor: Actor, session: string, channel: number | undefined, reason: string): Promise<number> {
    return this.#inTurn(async () => {
      const { catalogue, isLive } = this.#parts;
      if (isLive(session)) {
        throw new DrawbridgeError('recording.live', `The session ${session} is live.`, {
          hint: 'End it first: drawbridge sessions end.',
        });
      }
      const all = await catalogue.ofSession(session);
      const wanted = channel === undefined ? all : all.filter((recording) => recording.channel === channel);
      if (wanted.length === 0) throw notFound(session);
      if (await catalogue.isHeld(session)) throw held(session);
      for (const recording of wanted) await this.#delete(actor, recording, reason);
      return wanted.length;
    });
  }

  /** Keeps all recordings of a session until {@link release}. @throws `recording.not_found`, `audit.unavailable` */
  hold(actor: Actor, session: string, reason: string): Promise<void> {
    return this.#inTurn(async () => {
      const { catalogue, audit, clock, isLive } = this.#parts;
      if (!isLive(session) && (await catalogue.ofSession(session)).length === 0) throw notFound(session);
      await audit.append({ type: 'recording.held', actor, session, reason });
      await catalogue.hold({ session, reason, placedBy: actor, placedAt: isoTime(clock) });
    });
  }

  /** @throws `recording.not_held`, `audit.unavailable` */
  release(actor: Actor, session: string, reason: string): Promise<void> {
    return this.#inTurn(async () => {
      const { catalogue, audit } = this.#parts;
      if (!(await catalogue.isHeld(session))) {
        throw new DrawbridgeError(
          'recording.not_held',
          `The session ${session.slice(0, 40)} is not on hold.`,
        );
      }
      await audit.append({ type: 'recording.released', actor, session, reason });
      await catalogue.release(session);
    });
  }

  holds(): Promise<readonly LegalHold[]> {
    return this.#parts.catalogue.holds();
  }

  /** One at a time, so that nothing is deleted while it is being put on hold. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #deleteOld(): Promise<void> {
    const { keepForMs, clock, catalogue } = this.#parts;
    if (keepForMs === undefined) return;
    const distrust = this.#clockProblem();
    if (distrust !== undefined) {
      this.#warning = distrust;
      return;
    }
    const before = new Date(clock.nowMs() - keepForMs).toISOString();
    await this.#deleteWhile(before, async () => true, 'older than recordings are kept');
    if (this.#closed) return;
    const left = await catalogue.deletable(before, 1);
    if (left.length > 0) this.#warning = 'Not all recordings that are due have been deleted yet.';
  }

  async #deleteOverSize(): Promise<void> {
    const { keepBytes, catalogue, clock } = this.#parts;
    if (keepBytes === undefined) return;
    let excess = (await catalogue.storedBytes()) - keepBytes;
    const isOver = async (deleted: FinishedRecording | undefined) => {
      if (deleted !== undefined) excess -= deleted.storedBytes ?? deleted.sizeBytes;
      return excess > 0;
    };
    // By size the clock only decides the order, so that it need not be believed.
    await this.#deleteWhile(
      new Date(clock.nowMs() + LONG_AWAY_MS).toISOString(),
      isOver,
      'recordings take more room than they may',
    );
    if (excess > 0 && !this.#closed) {
      this.#warning =
        'Recordings take more room than they may, and those left are on legal hold or not finished.';
    }
  }

  async #deleteWhile(
    before: string,
    goesOn: (deleted: FinishedRecording | undefined) => Promise<boolean>,
    reason: string,
  ): Promise<void> {
    const { catalogue } = this.#parts;
    let more = await goesOn(undefined);
    for (let count = 0; more && count < ROUND_LIMIT && !this.#closed; ) {
      const page = await catalogue.deletable(before, PAGE);
      if (page.length === 0) return;
      for (const recording of page) {
        if (!more || this.#closed) return;
        await this.#delete('system', recording, reason);
        more = await goesOn(recording);
        count += 1;
      }
    }
  }

  async #delete(actor: Actor, recording: FinishedRecording, reason: string): Promise<void> {
    const { audit, catalogue, clock, onDeleted, recordingsDirectory } = this.#parts;
    const { session, channel, operator, host, login, path, sha256, sizeBytes } = recording;
    await audit.append({
      type: 'recording.deleted',
      actor,
      operator,
      session,
      host,
      login,
      channel,
      path: relative(recordingsDirectory, path),
      ...(sha256 === undefined ? {} : { sha256 }),
      sizeBytes,
      reason,
    });
    await rm(path, { force: true });
    await rm(`${path}${GZIP_SUFFIX}`, { force: true });
    await rm(`${path}${GZIP_SUFFIX}.new`, { force: true });
    await catalogue.deleted(session, channel, isoTime(clock));
    await onDeleted(recording);
  }

  /** Why the clock can't be trusted to say how old a recording is. */
  #clockProblem(): string | undefined {
    const { clock } = this.#parts;
    const upMs = clock.monotonicMs() - this.#startedMonotonicMs;
    if (Math.abs(clock.nowMs() - this.#startedNowMs - upMs) > CLOCK_JUMP_MS) {
      return 'The clock was set while the bastion ran: nothing is deleted by age until it is started again.';
    }
    if (this.#wasLongAway && upMs < DISTRUST_MS) {
      return 'The clock says that the bastion was away for more than 30 days: nothing is deleted by age for a day.';
    }
    return undefined;
  }
}

function notFound(session: string): DrawbridgeError {
  return new DrawbridgeError('recording.not_found', `There is no recording of ${session.slice(0, 40)}.`, {
    hint: 'List them with `drawbridge recordings ls`.',
  });
}

function held(session: string): DrawbridgeError {
  return new DrawbridgeError('recording.held', `The session ${session} is on legal hold.`, {
    hint: 'Release it first: drawbridge recordings release.',
  });
}
