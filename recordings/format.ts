import type { Json } from '../shared/audit/event.ts';

/** What the first line of a recording says about it. Sizes in characters, `timestamp` in seconds since the epoch. */
export interface CastHeader {
  readonly width: number;
  readonly height: number;
  readonly timestamp: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly title?: string;
  readonly command?: string;
  /** Who, where and under which authority. Players ignore it. */
  readonly drawbridge: CastIdentity;
}

/** Identity of a recording: what binds the file to a session of the audit log. */
export interface CastIdentity {
  readonly session: string;
  readonly channel: number;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly bastion: string;
  readonly kind: 'shell' | 'exec' | 'subsystem';
  /** Id (`jti`) of the pass that let the operator in. */
  readonly pass?: string;
  readonly [field: string]: Json | undefined;
}

/**
 * The event codes of our recordings. `o`, `i`, `r` and `m` are those of asciicast v2; `x` is that of asciicast v3;
 * `b` and `bi` are ours. Players ignore codes that they do not know.
 */
export const EVENT_CODE = {
  /** Text that was shown. */
  output: 'o',
  /** Base64 of the very bytes that the `o` right behind it shows; only where the text alone would not give them back. */
  outputBytes: 'b',
  /** Text that was typed. */
  input: 'i',
  /** Base64 of the very bytes of the `i` right behind it. */
  inputBytes: 'bi',
  /** `COLUMNSxROWS`. */
  resize: 'r',
  /** A label at a point in time. */
  marker: 'm',
  /** Exit code, signal name (`SIGTERM`) or {@link NO_EXIT_STATUS}; always the last line of a recording closed in order. */
  exit: 'x',
} as const;

/** Data of the `x` event when the channel ended without a status. */
export const NO_EXIT_STATUS = 'none';

/** Label of the marker that ends a recording whose writer was killed. */
export const INTERRUPTED_LABEL = 'interrupted';

/** Longest line that we write and read back, in bytes. */
export const LINE_LIMIT_BYTES = 2 * 1024 * 1024;

/** Most bytes of output in one event, so that lines stay short: longer chunks become several events. */
export const EVENT_LIMIT_BYTES = 64 * 1024;

/** How a recording's file name ends. */
export const CAST_SUFFIX = '.cast';

/** How it ends when the recording is encrypted: an age file with the asciicast in it. */
export const ENCRYPTED_CAST_SUFFIX = `${CAST_SUFFIX}.age`;

/** One line of a recording behind the header. `time` in seconds from its start. */
export interface CastEvent {
  readonly kind: 'event';
  readonly time: number;
  readonly code: string;
  readonly data: string;
}

/** The first line of a recording as it was read: not checked beyond being an asciicast v2 header. */
export interface CastHeaderLine {
  readonly kind: 'header';
  readonly header: Readonly<Record<string, unknown>>;
}

/** The event in `line`, or nothing when it is none. */
export function parseEventLine(line: string): CastEvent | undefined {
  const value = parseJson(line);
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [time, code, data] = value as readonly unknown[];
  if (typeof time !== 'number' || typeof code !== 'string' || typeof data !== 'string') return undefined;
  return { kind: 'event', time, code, data };
}

const BYTES_EVENT = /^\[\d+\.\d+, "bi?", "/;

/** Longer than the beginning of any event of ours up to its data. */
const EVENT_HEAD_BYTES = 40;

/**
 * Whether `line` is, as we write them, an event that holds raw bytes: what shows, stands in the event behind it. Costs
 * next to nothing, whatever the line's length.
 */
export function isBytesEvent(line: Buffer): boolean {
  return BYTES_EVENT.test(line.toString('latin1', 0, EVENT_HEAD_BYTES));
}

/** The header in `line`, or nothing when it is no asciicast v2 header. */
export function parseHeaderLine(line: string): CastHeaderLine | undefined {
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (!('version' in value) || value.version !== 2) return undefined;
  return { kind: 'header', header: { ...value } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
