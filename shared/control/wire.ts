import { z } from 'zod';
import type { Json } from '../audit/event.ts';

/**
 * The control socket's wire format: a JSON object per line, either way. A request has an id that its answers carry;
 * `cancel` ends a request that is going on.
 */
export type ClientMessage =
  | { readonly id: number; readonly method: string; readonly params?: Json }
  | { readonly id: number; readonly cancel: true };

/** An answer is one `result` or `error`; a stream is any number of `item`, then `end` or `error`. */
export type ServerMessage =
  | { readonly id: number; readonly result: Json }
  | { readonly id: number; readonly item: Json }
  | { readonly id: number; readonly end: true }
  | { readonly id: number | null; readonly error: WireError };

/** A `DrawbridgeError` as it crosses the socket. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

const id = z.int().nonnegative();

export const clientMessage = z.union([
  z.strictObject({ id, method: z.string().min(1).max(128), params: z.json().exactOptional() }),
  z.strictObject({ id, cancel: z.literal(true) }),
]);

export const serverMessage = z.union([
  z.object({ id, result: z.json() }),
  z.object({ id, item: z.json() }),
  z.object({ id, end: z.literal(true) }),
  z.object({
    id: id.nullable(),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string().exactOptional() }),
  }),
]);

/** One message as a line. */
export function encodeMessage(message: ClientMessage | ServerMessage): string {
  return `${JSON.stringify(message)}\n`;
}

const LINE_FEED = 0x0a;

/** Cuts a byte stream into lines, and holds at most one unfinished line of a limited length. */
export class LineSplitter {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The lines that `chunk` completes; `undefined` when a line is longer than the limit. */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      if (!this.#hold(chunk.subarray(start, end))) return undefined;
      lines.push(Buffer.concat(this.#parts).toString('utf8'));
      this.#parts = [];
      this.#heldBytes = 0;
      start = end + 1;
    }
    return this.#hold(chunk.subarray(start)) ? lines : undefined;
  }

  #hold(part: Buffer): boolean {
    this.#heldBytes += part.length;
    if (part.length > 0) this.#parts.push(part);
    return this.#heldBytes <= this.#limitBytes;
  }
}

/** The message in a line, or `undefined` when it is none. */
export function decodeMessage<T>(line: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
