import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { AccessStatus } from '../service.ts';
import {
  isStored,
  readAccess,
  readOffRecord,
  removeAccess,
  type StoredOpening,
  storeAccess,
  syncAccess,
  unlinkAccess,
  writeOffRecord,
} from './access-file.ts';
import {
  type GateOpening,
  type GateState,
  isAttempt,
  nextGateState,
  type OpeningLimit,
  remainingMs,
} from './gate-state.ts';
import { bootEndIn, type KnownTime, leftOf } from './machine.ts';
import { actorOf, enterLate } from './off-by-hand.ts';

/** How often the clocks and the stored state are looked at while access is on: the most by which it can end late. */
const CHECK_MS = 1000;

/** Longest opening with a limit: a year. */
export const OPENING_LIMIT_MAX_MS = 365 * 24 * 3600 * 1000;

/** Longest reason that is stored. */
export const REASON_LIMIT_CHARACTERS = 1000;

/** Why a gate closed: the reason of its `AbortSignal`. */
export interface GateClosing {
  readonly code: 'access.off';
  /** One sentence for the operators whose sessions end. */
  readonly message: string;
}

/** The answer to 'may somebody come in now?' */
export type GateAnswer =
  | { readonly open: true; readonly signal: AbortSignal }
  | { readonly open: false; readonly message: string };

export interface GateOptions extends KnownTime {
  /** Holds `access.json`. */
  readonly dataDir: string;
  /** The bastion's name, for sentences to operators. */
  readonly name: string;
  readonly audit: AuditSink;
  readonly log: Logger;
}

/** How to turn access on. */
export interface TurnOnOptions {
  /** Turns off by itself after so many milliseconds. */
  readonly forMs?: number;
  /** Turns off by itself at this time, in milliseconds since the epoch. Goes before `forMs`. */
  readonly untilMs?: number;
  readonly reason?: string;
  /** Lets operators in outside of the windows of the policy as well; only with an end. */
  readonly outsideWindows?: boolean;
}

/**
 * The one object that says whether remote access is on. All that belongs to a session hangs from the `AbortSignal` that
 * {@link admit} gives out. On: event, file, then sessions may come. Off: file removed, sessions aborted, then the event,
 * so that nothing that fails can keep the gate open.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #listeners = new Set<(status: AccessStatus) => void>();
  #state: GateState;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #attempts = 0;
  #lastTurnOn: Promise<unknown> = Promise.resolve();

  private constructor(options: GateOptions, state: GateState) {
    this.#options = options;
    this.#state = state;
    if (state.kind === 'on') this.#begin();
  }

  /**
   * Reads the stored state. Anything that can't be read, that has run out, or that lies in the future (so that the
   * clock was set back and its limit means nothing) is off.
   */
  static async open(options: GateOptions): Promise<Gate> {
    const { dataDir, clock, log } = options;
    const found = readAccess(dataDir);
    if (found.kind === 'absent') {
      const record = readOffRecord(dataDir) ?? { sinceMs: clock.nowMs(), by: 'system' };
      if (record.unaudited === true) await enterLate(record, options);
      return new Gate(options, { kind: 'off', record });
    }
    if (found.kind === 'unreadable') {
      const reason = `the stored state could not be read: ${found.problem}`;
      log.error({ problem: found.problem }, 'access.json can not be read, so remote access is off');
      const gate = new Gate(options, { kind: 'opening', attempt: 0, before: closedNow(clock, reason) });
      await gate.#closeAtStart(reason);
      return gate;
    }
    const { untilMs, boot, ...stored } = found.opening;
    const leftMs =
      untilMs === undefined
        ? undefined
        : leftOf({ untilMs, ...(boot === undefined ? {} : { boot }) }, options);
    const limit =
      untilMs === undefined || leftMs === undefined
        ? {}
        : { limit: { untilMs, untilMonotonicMs: clock.monotonicMs() + leftMs } };
    const gate = new Gate(options, { kind: 'on', opening: { ...stored, ...limit } });
    if (leftMs !== undefined && leftMs <= 0) await gate.#closeAtStart(TIME_OVER);
    else if (untilMs !== undefined && stored.sinceMs > clock.nowMs())
      await gate.#closeAtStart(CLOCK_SET_BACK);
    return gate;
  }

  /** The state as users see it. */
  get status(): AccessStatus {
    const state = this.#current();
    const { sinceMs, by, reason } = state.kind === 'on' ? state.opening : offRecordOf(state);
    const until = state.kind === 'on' ? state.opening.limit?.untilMs : undefined;
    return {
      state: state.kind === 'on' ? 'on' : 'off',
      since: new Date(sinceMs).toISOString(),
      by,
      ...(reason === undefined ? {} : { reason }),
      ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
      ...(this.outsideWindows ? { outsideWindows: true } : {}),
    };
  }

  /** True while an opening lets operators in outside of the windows of the policy as well. */
  get outsideWindows(): boolean {
    const state = this.#current();
    return state.kind === 'on' && state.opening.outsideWindows === true;
  }

  /** Asks whether somebody may come in, by the clock of this moment. */
  admit(): GateAnswer {
    const state = this.#current();
    if (state.kind === 'on' && this.#controller !== undefined) {
      return { open: true, signal: this.#controller.signal };
    }
    return { open: false, message: this.#closedMessage() };
  }

  /** Called after each change, off included, once sessions were told. Returns how to stop. */
  onChange(listener: (status: AccessStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Turns access on, or gives an opening a new limit and reason without touching live sessions.
   * @throws `audit.unavailable`, `access.not_stored`, `access.overtaken` (turned off meanwhile), `usage.duration`,
   *   `usage.outside_windows`.
   */
  turnOn(actor: Actor, options: TurnOnOptions = {}): Promise<AccessStatus> {
    const turn = this.#lastTurnOn.then(() => this.#open(actor, options));
    this.#lastTurnOn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Turns access off: takes effect before this function returns its promise.
   * @throws `access.not_stored` or `audit.unavailable`, when it is off all the same.
   */
  turnOff(actor: Actor, reason?: string): Promise<AccessStatus> {
    return this.#close(actor, reason?.slice(0, REASON_LIMIT_CHARACTERS));
  }

  /** Stops the timer and aborts what hangs from the gate, leaving the stored state as it is. For stopping. */
  stop(message: string): void {
    this.#timer?.cancel();
    this.#abort(message);
  }

  async #open(actor: Actor, options: TurnOnOptions): Promise<AccessStatus> {
    const { untilMs } = options;
    const forMs = untilMs === undefined ? options.forMs : untilMs - this.#options.clock.nowMs();
    if (options.outsideWindows === true && forMs === undefined) {
      throw new DrawbridgeError(
        'usage.outside_windows',
        'Access outside of the windows of the policy needs an end.',
        { hint: 'Say for how long with --for, or until when with --until.' },
      );
    }
    if (forMs !== undefined && !(Number.isFinite(forMs) && forMs > 0 && forMs <= OPENING_LIMIT_MAX_MS)) {
      throw new DrawbridgeError(
        'usage.duration',
        'Access can be on for more than nothing and at most a year.',
      );
    }
    const { audit, clock, dataDir } = this.#options;
    const reason = options.reason?.slice(0, REASON_LIMIT_CHARACTERS);
    this.#attempts += 1;
    const attempt = this.#attempts;
    this.#state = nextGateState(this.#current(), { kind: 'open_requested', attempt });
    const sinceMs = clock.nowMs();
    const limit =
      forMs === undefined
        ? {}
        : { limit: { untilMs: sinceMs + forMs, untilMonotonicMs: clock.monotonicMs() + forMs } };
    const opening: GateOpening = {
      sinceMs,
      by: actor,
      ...(reason === undefined ? {} : { reason }),
      ...(options.outsideWindows === true ? { outsideWindows: true } : {}),
      ...limit,
    };
    const { outsideWindows } = opening;
    const until = opening.limit === undefined ? undefined : new Date(opening.limit.untilMs).toISOString();
    try {
      await audit.append({ type: 'access.turned_on', actor, reason, until, outsideWindows });
    } catch (error) {
      this.#state = nextGateState(this.#state, { kind: 'open_failed', attempt });
      throw error;
    }
    if (!isAttempt(this.#state, attempt)) {
      throw new DrawbridgeError('access.overtaken', 'Remote access was turned off before it was on.');
    }
    const { limit: bound, ...said } = opening;
    try {
      storeAccess(dataDir, { ...said, ...(bound === undefined ? {} : this.#endOf(bound)) });
    } catch (error) {
      await this.#notOpened(attempt);
      throw error;
    }
    this.#state = nextGateState(this.#state, { kind: 'opened', attempt, opening });
    this.#begin();
    this.#notify();
    return this.status;
  }

  /** The end of an opening by both clocks that outlive this process. */
  #endOf(limit: OpeningLimit): Pick<StoredOpening, 'untilMs' | 'boot'> {
    const { clock, machine } = this.#options;
    const boot = bootEndIn(limit.untilMonotonicMs - clock.monotonicMs(), machine);
    return { untilMs: limit.untilMs, ...(boot === undefined ? {} : { boot }) };
  }

  async #notOpened(attempt: number): Promise<void> {
    const { audit, log } = this.#options;
    this.#state = nextGateState(this.#state, { kind: 'open_failed', attempt });
    const wasOn = this.#state.kind === 'on';
    this.#storeAsBefore();
    const reason = wasOn ? 'the change could not be stored; it is on as before' : 'on could not be stored';
    const type = wasOn ? 'access.turned_on' : 'access.turned_off';
    await audit
      .append({ type, actor: 'system', reason })
      .catch((error: unknown) =>
        log.error({ err: error }, 'the failed change of access could not be audited'),
      );
  }

  /** What could not be stored may be there in part: a restart must not find what was said not to be. */
  #storeAsBefore(): void {
    const { dataDir, log } = this.#options;
    const state = this.#state;
    try {
      if (state.kind !== 'on') removeAccess(dataDir);
      else {
        const { limit, ...said } = state.opening;
        storeAccess(dataDir, { ...said, ...(limit === undefined ? {} : this.#endOf(limit)) });
      }
    } catch (error) {
      log.error({ err: error }, 'the stored state of access could not be put back as it was');
    }
  }

  #begin(): void {
    if (this.#controller === undefined || this.#controller.signal.aborted) {
      this.#controller = new AbortController();
      // One listener per connection of an operator: their number is limited by admission.
      setMaxListeners(0, this.#controller.signal);
    }
    this.#watch();
  }

  /** A fault is logged only: the gate is off, and the customer's page must come up to say so. */
  async #closeAtStart(reason: string): Promise<void> {
    try {
      await this.#close('system', reason);
    } catch (error) {
      this.#options.log.error({ err: error }, 'remote access is off from the start, with a fault');
    }
  }

  /**
   * Unlinks, aborts and tells, all before the first await. The disk is waited for only when the hosts have been told:
   * beside floods that are being recorded it can take longer than everything else together.
   */
  async #close(actor: Actor, reason: string | undefined): Promise<AccessStatus> {
    const { audit, clock, dataDir, log } = this.#options;
    const wasOff = this.#state.kind === 'off';
    let fault: unknown;
    const store = (step: (dataDir: string) => void): void => {
      try {
        step(dataDir);
      } catch (error) {
        fault ??= error;
      }
    };
    store(unlinkAccess);
    if (wasOff) {
      store(syncAccess);
    } else {
      const record = { sinceMs: clock.nowMs(), by: actor, ...(reason === undefined ? {} : { reason }) };
      const off = nextGateState(this.#state, { kind: 'closed', record });
      this.#state = off;
      this.#timer?.cancel();
      this.#abort(this.#closedMessage());
      this.#notify();
      await nextTurn();
      store(syncAccess);
      // Turned on again meanwhile: then the record would be of the past.
      if (this.#state === off && !writeOffRecord(dataDir, record))
        log.warn('who turned remote access off could not be noted for status');
      try {
        await audit.append({ type: 'access.turned_off', actor, reason });
      } catch (error) {
        fault ??= error;
      }
    }
    if (fault !== undefined) throw fault;
    return this.status;
  }

  #abort(message: string): void {
    const controller = this.#controller;
    this.#controller = undefined;
    const closing: GateClosing = { code: 'access.off', message };
    controller?.abort(closing);
  }

  /** The state after looking at the clocks. */
  #current(): GateState {
    const state = this.#state;
    if (state.kind === 'on' && remainingMs(state.opening, this.#now()) <= 0) this.#expire();
    return this.#state;
  }

  #expire(): void {
    this.#close('system', TIME_OVER).catch((error: unknown) =>
      this.#options.log.error({ err: error }, 'remote access has ended by itself, with a fault'),
    );
  }

  /** Looks at the clocks, and whether what is stored still says on: who removes the file has turned access off. */
  #watch(): void {
    this.#timer?.cancel();
    const state = this.#state;
    if (state.kind !== 'on') return;
    const delayMs = Math.min(Math.max(remainingMs(state.opening, this.#now()), 0), CHECK_MS);
    this.#timer = this.#options.clock.after(delayMs, () => {
      if (this.#current().kind !== 'on') return;
      if (isStored(this.#options.dataDir)) this.#watch();
      else this.#removedByHand(state.opening);
    });
  }

  #removedByHand(opening: GateOpening): void {
    const record = readOffRecord(this.#options.dataDir);
    const said = record !== undefined && record.sinceMs >= opening.sinceMs ? record : undefined;
    this.#close(actorOf(said), said === undefined ? REMOVED : said.reason).catch((error: unknown) =>
      this.#options.log.error({ err: error }, 'remote access was turned off by hand, with a fault'),
    );
  }

  #now(): { wallMs: number; monotonicMs: number } {
    const { clock } = this.#options;
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this.status);
  }

  #closedMessage(): string {
    const { reason } = offRecordOf(this.#state);
    const because = reason === undefined ? '' : `: ${reason}`;
    return `Remote access to ${this.#options.name} is turned off${because}.`;
  }
}

const TIME_OVER = 'the time for which access was on is over';
const REMOVED = 'its stored state was removed';
const CLOCK_SET_BACK = 'the clock was set back, so that the end of the opening can not be known';

function closedNow(clock: Clock, reason: string): Extract<GateState, { kind: 'off' }> {
  return { kind: 'off', record: { sinceMs: clock.nowMs(), by: 'system', reason } };
}

function offRecordOf(state: GateState): { sinceMs: number; by: string; reason?: string } {
  if (state.kind === 'off') return state.record;
  if (state.kind === 'opening') return state.before.record;
  return state.opening;
}
