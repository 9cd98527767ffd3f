import { isDrawbridgeError, messageOf } from '../errors.ts';
import { LEAVING_CODE } from './acceptor.ts';
import { dialTransport } from './dial.ts';
import { MuxTunnel } from './mux-tunnel.ts';
import type { Reachability } from './reachability.ts';
import { GOOD_TUNNEL_MS, redialDelayMs } from './redial.ts';
import type { Tunnel, TunnelClosed } from './tunnel.ts';
import type { UplinkOptions, UplinkTunnelStatus } from './uplink-options.ts';

/** Draining tunnels that a slot lets finish; beyond it, the oldest is closed. */
const MAX_RETIRING = 8;

/** What a slot needs. */
export type SlotOptions = UplinkOptions & { readonly instance: string };

/** Where a slot stands. */
type SlotState =
  | { readonly kind: 'off' }
  | { readonly kind: 'connecting'; readonly abort: AbortController }
  | { readonly kind: 'waiting'; readonly abort: AbortController }
  | { readonly kind: 'connected'; readonly tunnel: MuxTunnel; readonly atMs: number };

/** What changes where it stands. */
type SlotEvent =
  | { readonly kind: 'dial' }
  | { readonly kind: 'dialled'; readonly tunnel: MuxTunnel }
  /** The dial failed, or the tunnel ended, or the peer wants it replaced. `leaving`: the peer is shutting down. */
  | { readonly kind: 'lost'; readonly problem: string; readonly leaving?: boolean }
  /** The peer's address can't be reached while the slot waits. */
  | { readonly kind: 'unreachable'; readonly problem: string }
  | { readonly kind: 'stop' };

/** One of an uplink's tunnels: dials, waits until the peer can be reached, and dials again. */
export class UplinkSlot {
  readonly #index: number;
  readonly #options: SlotOptions;
  readonly #reachability: Reachability;
  readonly #retiring = new Set<MuxTunnel>();
  /** Dials and sockets that are not over; `stop` waits for them. */
  readonly #unfinished = new Set<Promise<void>>();
  /** Is about to be closed by `stop`: the peer has been told. */
  #leaving: MuxTunnel | undefined;
  #state: SlotState = { kind: 'off' };
  #sinceMs: number;
  #failures = 0;
  #problem: string | undefined;

  constructor(index: number, options: SlotOptions, reachability: Reachability) {
    this.#index = index;
    this.#reachability = reachability;
    this.#options = options;
    this.#sinceMs = options.clock.nowMs();
  }

  /** The tunnel, when there is one. */
  get tunnel(): Tunnel | undefined {
    return this.#state.kind === 'connected' ? this.#state.tunnel : undefined;
  }

  get status(): UplinkTunnelStatus {
    const { kind } = this.#state;
    const rttMs = this.#state.kind === 'connected' ? this.#state.tunnel.rttMs : undefined;
    let streams = this.#state.kind === 'connected' ? this.#state.tunnel.openStreams : 0;
    for (const tunnel of this.#retiring) streams += tunnel.openStreams;
    return {
      state: kind,
      sinceMs: this.#sinceMs,
      streams,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  start(): void {
    if (this.#state.kind !== 'off') return;
    this.#failures = 0;
    this.#problem = undefined;
    this.#apply({ kind: 'dial' });
  }

  /** The peer's address was found out of reach; said once per outage. */
  unreachable(problem: string): void {
    this.#apply({ kind: 'unreachable', problem });
  }

  /** Dials no more and says so to the peer; streams that are open go on until `stop`. */
  leave(): void {
    const tunnel = this.#state.kind === 'connected' ? this.#state.tunnel : undefined;
    this.#apply({ kind: 'stop' });
    this.#leaving ??= tunnel;
    void tunnel?.drain(0);
  }

  async stop(code: string, message: string): Promise<void> {
    const { tunnel } = this;
    this.#apply({ kind: 'stop' });
    for (const retiring of [...this.#retiring]) retiring.close(code, message);
    this.#leaving?.close(code, message);
    this.#leaving = undefined;
    tunnel?.close(code, message);
    await Promise.all(this.#unfinished);
  }

  /** The only place where the slot's state changes. */
  #apply(event: SlotEvent): void {
    const before = this.#state;
    this.#state = this.#next(before, event);
    if (this.#state === before) return;
    if (before.kind === 'connecting' && event.kind === 'stop') before.abort.abort();
    if (before.kind === 'waiting' && event.kind === 'stop') before.abort.abort();
    if (this.#state.kind !== before.kind) this.#sinceMs = this.#options.clock.nowMs();
    this.#options.onChange?.(this.#index, this.status);
  }

  #next(state: SlotState, event: SlotEvent): SlotState {
    switch (event.kind) {
      case 'stop':
        this.#problem = undefined;
        return state.kind === 'off' ? state : { kind: 'off' };
      case 'dial':
        return this.#connecting();
      case 'dialled':
        this.#problem = undefined;
        return { kind: 'connected', tunnel: event.tunnel, atMs: this.#options.clock.monotonicMs() };
      case 'lost':
        if (state.kind === 'off') return state;
        this.#problem = event.problem;
        return this.#afterLoss(state, event.leaving ?? false);
      case 'unreachable':
        if (state.kind !== 'waiting') return state;
        this.#problem = event.problem;
        // A new object, so that the owner is told.
        return { ...state };
    }
  }

  #connecting(): SlotState {
    const abort = new AbortController();
    this.#track(this.#dial(abort.signal));
    return { kind: 'connecting', abort };
  }

  #afterLoss(state: SlotState, leaving: boolean): SlotState {
    const lived = state.kind === 'connected' ? this.#options.clock.monotonicMs() - state.atMs : 0;
    this.#failures = lived >= GOOD_TUNNEL_MS ? 0 : this.#failures + 1;
    const abort = new AbortController();
    void this.#dialAfterWait(abort, leaving);
    return { kind: 'waiting', abort };
  }

  async #dialAfterWait(abort: AbortController, leaving: boolean): Promise<void> {
    const { signal } = abort;
    // A peer that is shutting down will be back before a long wait is over.
    if (leaving)
      void this.#reachability.wait(signal, { onlyAfterOutage: true }).then(() => this.#dialAfter(0, abort));
    const { afterOutage } = await this.#reachability.wait(signal);
    if (afterOutage) this.#failures = 0;
    if (!leaving || !afterOutage) this.#dialAfter(this.#failures, abort);
  }

  #dialAfter(failures: number, abort: AbortController): void {
    const { clock, random } = this.#options;
    const timer = clock.after(redialDelayMs(failures, this.#index, random), () => {
      abort.abort();
      this.#apply({ kind: 'dial' });
    });
    abort.signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  async #dial(signal: AbortSignal): Promise<void> {
    const { clock, log, url, livenessTimes, dial = dialTransport } = this.#options;
    try {
      const transport = await dial({ ...this.#options, signal });
      this.#track(transport.closed);
      if (signal.aborted) {
        transport.close({ code: 'tunnel.aborted', message: 'The dial was given up.' }, false);
        return;
      }
      const tunnel = new MuxTunnel({
        transport,
        side: 'client',
        clock,
        log,
        ...(livenessTimes === undefined ? {} : { livenessTimes }),
        onStream: this.#options.onStream,
        onDraining: () => this.#retire(tunnel),
        onStreamEnded: () => this.#closeWhenRetired(tunnel),
      });
      tunnel.signal.addEventListener('abort', () => this.#onTunnelEnd(tunnel), { once: true });
      this.#apply({ kind: 'dialled', tunnel });
      this.#options.onTunnel?.(tunnel);
      tunnel.start();
    } catch (error) {
      if (signal.aborted) return;
      const problem = messageOf(error);
      const code = isDrawbridgeError(error) ? error.code : undefined;
      log.warn({ url, index: this.#index, problemCode: code, problem }, 'a tunnel could not be dialled');
      this.#apply({ kind: 'lost', problem, leaving: code === LEAVING_CODE });
    }
  }

  #track(unfinished: Promise<void>): void {
    this.#unfinished.add(unfinished);
    void unfinished.then(() => this.#unfinished.delete(unfinished));
  }

  /** The peer is about to go: its successor is dialled now, and this tunnel ends with its last stream. */
  #retire(tunnel: MuxTunnel): void {
    if (this.#state.kind !== 'connected' || this.#state.tunnel !== tunnel) return;
    this.#retiring.add(tunnel);
    const [oldest] = this.#retiring;
    if (this.#retiring.size > MAX_RETIRING)
      oldest?.close('tunnel.drained', 'Too many tunnels were draining.');
    this.#apply({ kind: 'lost', problem: 'The other end is about to restart.' });
    this.#closeWhenRetired(tunnel);
  }

  #closeWhenRetired(tunnel: MuxTunnel): void {
    if (!this.#retiring.has(tunnel) || tunnel.openStreams > 0) return;
    tunnel.close('tunnel.drained', 'The tunnel was drained.');
  }

  #onTunnelEnd(tunnel: MuxTunnel): void {
    this.#retiring.delete(tunnel);
    if (this.#state.kind !== 'connected' || this.#state.tunnel !== tunnel) return;
    const reason: TunnelClosed | undefined = tunnel.closed;
    this.#apply({ kind: 'lost', problem: reason?.message ?? 'The tunnel was closed.' });
  }
}
