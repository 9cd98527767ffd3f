import type { Duplex } from 'node:stream';

/** What the opener of a stream asks for: the stream's first bytes. */
export interface PrefaceRequest {
  /** Version of the request. */
  readonly v: 1;
  /** What the stream is for (`ssh`, `hosts`, `hello`, …). */
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** The answer to a {@link PrefaceRequest}. */
export type PrefaceReply =
  | { readonly ok: true; readonly [field: string]: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint?: string };

/** One yamux stream: a Duplex with half-close (`end()`), backpressure both ways, and `destroy()` as reset. */
export interface TunnelStream extends Duplex {
  /** The stream's id on the wire. */
  readonly streamId: number;
}

/** A stream that this side opened. Data may be written before the reply is there. */
export interface OpenedStream {
  readonly stream: TunnelStream;
  /** The peer's answer. Rejects with the peer's code (`DrawbridgeError`) when refused, `tunnel.closed` when cut. */
  readonly reply: Promise<Extract<PrefaceReply, { ok: true }>>;
}

/** A stream that the peer opened, with its preface read and not yet answered. */
export interface IncomingStream {
  readonly request: PrefaceRequest;
  /** Answers with `ok` and hands over the stream. Call exactly one of `accept` and `refuse`. */
  accept(fields?: Readonly<Record<string, unknown>>): TunnelStream;
  /** Answers with a refusal and closes the stream. */
  refuse(code: string, message: string, hint?: string): void;
  /** Aborted when the stream or its tunnel is gone before it was answered. */
  readonly signal: AbortSignal;
}

/** Why a tunnel ended. */
export interface TunnelClosed {
  readonly code: string;
  readonly message: string;
}

/** One multiplexed connection between two roles. */
export interface Tunnel {
  /** Unique in this process; for logs and audit. */
  readonly id: string;
  /** How many streams are open now: what 'least busy' looks at. */
  readonly openStreams: number;
  /** Smoothed round trip time, once one was measured. */
  readonly rttMs: number | undefined;
  /** True from the moment the peer said GoAway or `drain` was called: opens are refused. */
  readonly draining: boolean;
  /**
   * Opens a stream and sends its preface.
   * @throws `tunnel.closed`, `tunnel.draining` or `tunnel.too_many_streams` at once.
   */
  open(request: PrefaceRequest, options?: { readonly signal?: AbortSignal }): OpenedStream;
  /** Says GoAway and resolves when the last stream has ended, or when `timeoutMs` is over. */
  drain(timeoutMs: number): Promise<void>;
  /** Ends the tunnel and every stream in it at once. */
  close(code: string, message: string): void;
  /** Aborted when the tunnel has ended; `signal.reason` is a {@link TunnelClosed}. */
  readonly signal: AbortSignal;
}

/** Called for each stream that the peer opens. It must not throw; a rejection resets the stream. */
export type StreamHandler = (incoming: IncomingStream, tunnel: Tunnel) => void | Promise<void>;
