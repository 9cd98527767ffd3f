import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Actor } from '../../shared/audit/event.ts';
import type { Timer } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { saidText } from '../../shared/plain-text.ts';
import type { AccessStatus } from '../service.ts';
import {
  lookAtStored,
  readAccess,
  readOffRecord,
  removeAccess,
  type StoredLook,
  storeAccess,
  syncAccess,
  unlinkAccess,
  writeOffRecord,
} from './access-file.ts';
import { stateFrom, TIME_OVER } from './found-state.ts';
import type { GateAnswer, GateClosing, GateOptions, TurnOnOptions } from './gate-options.ts';
import { type GateOpening, type GateState, isAttempt, nextGateState, remainingMs } from './gate-state.ts';
import { actorOf, enterLate } from './off-by-hand.ts';
import { openingOf, REASON_LIMIT_CHARACTERS, storedOpeningOf } from './opening.ts';

/** How often the clocks and the stored state are looked at while access is on: the most by which it can end late. */
const CHECK_MS = 1000;

/**
 * The one object that says whether remote access is on. All that belongs to a session hangs from the `AbortSignal` that
 * {@link admit} gives out. On: event, file, then sessions may come. Off: file removed, sessions aborted, then the event,
 * so that nothing that fails can keep the gate open.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #listeners = new Set<(status: AccessStatus) => void>();
  #state: GateState;
  /** What `access.json` holds while access is on. */
  #stored: string;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #attempts = 0;
  #lastTurnOn: Promise<unknown> = Promise.resolve();

  private constructor(options: GateOptions, state: GateState, stored: string) {
    this.#options = options;
    this.#state = state;
    this.#stored = stored;
    if (state.kind === 'on') this.#begin();
  }

  /**
   * Reads the stored state. Anything that can't be read, that has run out, or that lies in the future (so that the
   * clock was set back and its limit means nothing) is off.
   */
  static async open(options: GateOptions): Promise<Gate> {
    const found = readAccess(options.dataDir);
    const { state, closeFor } = stateFrom(found, options);
    if (state.kind === 'off' && state.record.unaudited === true) await enterLate(state.record, options);
    const gate = new Gate(options, state, found.kind === 'on' ? found.text : '');
    if (closeFor !== undefined) await gate.#closeAtStart(closeFor);
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
    return this.#close(actor, saidText(reason, REASON_LIMIT_CHARACTERS));
  }

  /** Stops the timer and aborts what hangs from the gate, leaving the stored state as it is. For stopping. */
  stop(message: string): void {
    this.#timer?.cancel();
    this.#abort(message);
  }

  async #open(actor: Actor, options: TurnOnOptions): Promise<AccessStatus> {
    const { audit, clock, dataDir } = this.#options;
    // Before anything has changed, what is not well formed is refused.
    const opening = openingOf(actor, options, clock);
    this.#attempts += 1;
    const attempt = this.#attempts;
    this.#state = nextGateState(this.#current(), { kind: 'open_requested', attempt });
    const { reason, outsideWindows } = opening;
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
    try {
      this.#stored = storeAccess(dataDir, storedOpeningOf(opening, this.#options));
    } catch (error) {
      await this.#notOpened(attempt);
      throw error;
    }
    this.#state = nextGateState(this.#state, { kind: 'opened', attempt, opening });
    this.#begin();
    this.#notify();
    return this.status;
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
      else this.#stored = storeAccess(dataDir, storedOpeningOf(state.opening, this.#options));
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

  /**
   * Looks at the clocks, and whether what is stored is still what this gate wrote: who removes the file has turned access
   * off, and so has who writes anything else there, since a start could not take it for what was decided.
   */
  #watch(): void {
    this.#timer?.cancel();
    const state = this.#state;
    if (state.kind !== 'on') return;
    const delayMs = Math.min(Math.max(remainingMs(state.opening, this.#now()), 0), CHECK_MS);
    this.#timer = this.#options.clock.after(delayMs, () => {
      if (this.#current().kind !== 'on') return;
      const look = lookAtStored(this.#options.dataDir, this.#stored);
      if (look === 'kept') this.#watch();
      else this.#closedByHand(state.opening, look);
    });
  }

  #closedByHand(opening: GateOpening, look: Exclude<StoredLook, 'kept'>): void {
    const record = readOffRecord(this.#options.dataDir);
    const said = record !== undefined && record.sinceMs >= opening.sinceMs ? record : undefined;
    this.#close(actorOf(said), said === undefined ? BY_HAND[look] : said.reason).catch((error: unknown) =>
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

const BY_HAND = {
  gone: 'its stored state was removed',
  changed: 'its stored state was changed by something else',
} as const;

function offRecordOf(state: GateState): { sinceMs: number; by: string; reason?: string } {
  if (state.kind === 'off') return state.record;
  if (state.kind === 'opening') return state.before.record;
  return state.opening;
}
