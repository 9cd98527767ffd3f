import type { Timer } from '../clock.ts';
import { isDrawbridgeError, messageOf } from '../errors.ts';
import { dialTransport } from './dial.ts';
import { MuxTunnel } from './mux-tunnel.ts';
import { GOOD_TUNNEL_MS, redialDelayMs } from './redial.ts';
import type { Tunnel, TunnelClosed } from './tunnel.ts';
import type { UplinkOptions, UplinkTunnelStatus } from './uplink.ts';

/** Draining tunnels that a slot lets finish; beyond it, the oldest is closed. */
const MAX_RETIRING = 8;

/** Where a slot stands. */
type SlotState =
  | { readonly kind: 'off' }
  | { readonly kind: 'connecting'; readonly abort: AbortController }
  | { readonly kind: 'waiting'; readonly timer: Timer }
  | { readonly kind: 'connected'; readonly tunnel: MuxTunnel; readonly atMs: number };

/** What changes where it stands. */
type SlotEvent =
  | { readonly kind: 'dial' }
  | { readonly kind: 'dialled'; readonly tunnel: MuxTunnel }
  /** The dial failed, or the tunnel ended, or the peer wants it replaced. */
  | { readonly kind: 'lost'; readonly problem: string }
  | { readonly kind: 'stop' };

/** One of an uplink's tunnels: dials, waits and dials again. */
export class UplinkSlot {
  readonly #index: number;
  readonly #options: UplinkOptions;
  readonly #retiring = new Set<MuxTunnel>();
  /** Dials and sockets that are not over; `stop` waits for them. */
  readonly #unfinished = new Set<Promise<void>>();
  #state: SlotState = { kind: 'off' };
  #sinceMs: number;
  #failures = 0;
  #problem: string | undefined;

  constructor(index: number, options: UplinkOptions) {
    this.#index = index;
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

  async stop(code: string, message: string): Promise<void> {
    const { tunnel } = this;
    this.#apply({ kind: 'stop' });
    for (const retiring of [...this.#retiring]) retiring.close(code, message);
    tunnel?.close(code, message);
    await Promise.all(this.#unfinished);
  }

  /** The only place where the slot's state changes. */
  #apply(event: SlotEvent): void {
    const before = this.#state;
    this.#state = this.#next(before, event);
    if (this.#state === before) return;
    if (before.kind === 'connecting' && event.kind === 'stop') before.abort.abort();
    if (before.kind === 'waiting') before.timer.cancel();
    this.#sinceMs = this.#options.clock.nowMs();
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
        return this.#afterLoss(state);
    }
  }

  #connecting(): SlotState {
    const abort = new AbortController();
    this.#track(this.#dial(abort.signal));
    return { kind: 'connecting', abort };
  }

  #afterLoss(state: SlotState): SlotState {
    const { clock } = this.#options;
    const lived = state.kind === 'connected' ? clock.monotonicMs() - state.atMs : 0;
    this.#failures = lived >= GOOD_TUNNEL_MS ? 1 : this.#failures + 1;
    return {
      kind: 'waiting',
      timer: clock.after(redialDelayMs(this.#failures), () => this.#apply({ kind: 'dial' })),
    };
  }

  async #dial(signal: AbortSignal): Promise<void> {
    const { clock, log, url } = this.#options;
    try {
      const transport = await dialTransport({ ...this.#options, signal });
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
      this.#apply({ kind: 'lost', problem });
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
