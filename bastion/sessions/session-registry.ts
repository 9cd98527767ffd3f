import { randomBytes } from 'node:crypto';
import type { AuditSink } from '../../shared/audit/event.ts';
import { type Clock, isoTime, type Timer } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { SessionQuery, SessionSummary } from '../service.ts';
import { Session, type SessionEnding, type SessionIdentity } from './session.ts';
import { type DecisionRules, recheckSession } from './session-decision.ts';
import { type RoomLimits, SessionRoom } from './session-room.ts';
import type { SessionStore } from './session-store.ts';

/** Channels open at once over all sessions: each recording takes a file and some memory. */
export const OPEN_CHANNELS_MAX = 4000;

/** How often the counters of live sessions are stored: what a killed process may forget of them. */
export const COUNTERS_PERIOD_MS = 5_000;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

export interface SessionRegistryOptions {
  readonly store: SessionStore;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** All live sessions: where they start, are found, and end. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #live = new Map<string, Session>();
  readonly #idle = new Set<() => void>();
  readonly #room: SessionRoom;
  readonly #counting: Timer;
  #storedBytes: ReadonlyMap<string, number> = new Map();
  #storing = false;

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
    this.#room = new SessionRoom(options.clock);
    this.#counting = options.clock.every(COUNTERS_PERIOD_MS, () => void this.#storeCounters());
  }

  /** Stops storing counters. To be called when no session is left. */
  close(): void {
    this.#counting.cancel();
  }

  get size(): number {
    return this.#live.size;
  }

  get(id: string): Session | undefined {
    return this.#live.get(id);
  }

  /** All that are live. */
  get live(): Iterable<Session> {
    return this.#live.values();
  }

  /** One plain sentence when `operator` can't have another session now, by what the policy grants and what there is. */
  refusal(operator: string, limits: RoomLimits): string | undefined {
    return this.#room.refusal(operator, this.#live.values(), limits);
  }

  /** One plain sentence when no session can have another channel now. */
  channelRefusal(): string | undefined {
    let open = 0;
    for (const session of this.#live.values()) open += session.openCount;
    if (open < OPEN_CHANNELS_MAX) return undefined;
    return `this bastion has ${OPEN_CHANNELS_MAX} channels open, which is all that it takes`;
  }

  /** Makes the session of an operator who has proved their key. It is live, and limited, from here on. */
  create(identity: Omit<SessionIdentity, 'id' | 'startedAt'>): Session {
    const session = new Session({
      ...identity,
      id: createSessionId(),
      startedAt: isoTime(this.#options.clock),
    });
    this.#live.set(session.identity.id, session);
    this.#room.started(identity.operator);
    return session;
  }

  /**
   * Stores that the session has started. Nothing may happen in it before.
   * @throws `audit.unavailable`, `store.*`: then it must not go on.
   */
  async announce(session: Session): Promise<void> {
    const { store, audit } = this.#options;
    const { id, operator, host, login, source, passId } = session.identity;
    await audit.append({
      type: 'session.started',
      actor: `operator:${operator}`,
      operator,
      session: id,
      host,
      login,
      source,
      pass: passId,
    });
    await store.start(session.identity);
  }

  /**
   * Both SSH connections are gone and all recordings closed: stores the totals and forgets the session. Never rejects,
   * since nobody is left to hear it; a fault is logged and the next start marks the session as interrupted.
   */
  async finish(session: Session, fallback: SessionEnding): Promise<void> {
    const { store, audit, clock, log } = this.#options;
    const ending = session.phase.kind === 'ending' ? session.phase.ending : fallback;
    session.gone();
    const { id, operator, host, login } = session.identity;
    const { channels, unlisted } = session.totals;
    const bytes = session.bytes;
    try {
      await audit.append({
        type: 'session.ended',
        actor: `operator:${operator}`,
        operator,
        session: id,
        host,
        login,
        code: ending.code,
        reason: ending.message,
        by: ending.by,
        bytesIn: bytes.in,
        bytesOut: bytes.out,
        channels: channels.map((channel) => ({ ...channel })),
        ...(unlisted === 0 ? {} : { unlistedChannels: unlisted }),
      });
      await store.end(id, {
        state: 'ended',
        endedAt: isoTime(clock),
        endReason: ending.message,
        bytesIn: bytes.in,
        bytesOut: bytes.out,
      });
    } catch (error) {
      log.error({ err: error, session: id }, 'the end of a session could not be stored');
    } finally {
      this.#live.delete(id);
      if (this.#live.size === 0) for (const tell of this.#idle) tell();
    }
  }

  /** Ends every session, before it returns. Says how many that were. */
  endAll(ending: SessionEnding): number {
    let ended = 0;
    for (const session of this.#live.values()) {
      if (session.phase.kind === 'live') ended += 1;
      session.end(ending);
    }
    return ended;
  }

  /** Ends the sessions on one host, before it returns. */
  endOnHost(host: string, ending: SessionEnding): void {
    this.endWhere((identity) => identity.host === host, ending);
  }

  /** Ends the sessions that this is true of, before it returns. */
  endWhere(isTrue: (identity: SessionIdentity) => boolean, ending: SessionEnding): void {
    for (const session of this.#live.values()) if (isTrue(session.identity)) session.end(ending);
  }

  /** @throws `session.not_live`. */
  end(id: string, ending: SessionEnding): void {
    const session = this.#live.get(id);
    if (session === undefined) {
      throw new DrawbridgeError('session.not_live', `The session ${id} is not live.`, {
        hint: 'See which are with drawbridge sessions ls.',
      });
    }
    session.end(ending);
  }

  /**
   * Ends the sessions that are no longer allowed, or in which something goes on that no longer is; of the others it notes
   * until when that holds, and what bounds them.
   */
  recheck(rules: DecisionRules): void {
    for (const session of this.#live.values()) {
      if (session.phase.kind !== 'live') continue;
      const ending = recheckSession(session, rules, this.#options.clock);
      if (ending !== undefined) session.end(ending);
    }
  }

  /** Ends all that an operator has open, before it returns. Says how many sessions that were. */
  endOfOperator(operator: string, ending: SessionEnding): number {
    let ended = 0;
    for (const session of this.#live.values()) {
      if (session.identity.operator !== operator || session.phase.kind !== 'live') continue;
      session.end(ending);
      ended += 1;
    }
    return ended;
  }

  /** Resolves when no session is live, or after `timeoutMs`. */
  waitUntilIdle(timeoutMs: number): Promise<void> {
    if (this.#live.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#idle.delete(done);
        resolve();
      };
      const timer = this.#options.clock.after(timeoutMs, done);
      this.#idle.add(done);
    });
  }

  /** Stored sessions, with the counters of those that are live. Newest first. */
  async list(query: SessionQuery): Promise<SessionSummary[]> {
    const stored = await this.#options.store.list(query);
    return stored.map((session) => this.#live.get(session.id)?.summary ?? session);
  }

  async find(id: string): Promise<SessionSummary | undefined> {
    return this.#live.get(id)?.summary ?? this.#options.store.get(id);
  }

  /** For lists after a crash only, so that a fault is logged and no more: the evidence is elsewhere. */
  async #storeCounters(): Promise<void> {
    if (this.#storing) return;
    this.#storing = true;
    const counts = [...this.#live.values()].map(({ identity, bytes }) => ({ id: identity.id, ...bytes }));
    const changed = counts.filter((count) => this.#storedBytes.get(count.id) !== count.in + count.out);
    try {
      if (changed.length > 0) await this.#options.store.count(changed);
      this.#storedBytes = new Map(counts.map((count) => [count.id, count.in + count.out]));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the counters of live sessions could not be stored');
    } finally {
      this.#storing = false;
    }
  }
}

function createSessionId(): string {
  const characters = [...randomBytes(16)].map((byte) => BASE32[byte % 32]);
  return `s-${characters.join('')}`;
}
