import { DrawbridgeError } from '../errors.ts';
import { MAX_PREFACE_BYTES } from './limits.ts';
import type { PrefaceReply, PrefaceRequest } from './tunnel.ts';

/** The length field before a preface's JSON. */
const LENGTH_BYTES = 4;

/** Longest text that a peer's refusal may put before a user. */
const MAX_TEXT_CHARS = 1_000;

const KIND = /^[a-z][a-z0-9._-]{0,63}$/;
const CODE = /^[a-z][a-z0-9_.]{0,63}$/;
// Control characters, and the marks that turn the direction of text: a peer's words end up on a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(what: string): DrawbridgeError {
  return new DrawbridgeError('preface.malformed', `The first message of the stream ${what}.`);
}

/** A text of the peer as it may be shown: one line, without control characters, not too long. */
export function printable(text: unknown): string {
  return typeof text === 'string' ? text.replace(UNPRINTABLE, ' ').slice(0, MAX_TEXT_CHARS) : '';
}

/** A code of the peer, or `fallback` when it is none. */
export function codeOf(value: unknown, fallback: string): string {
  return typeof value === 'string' && CODE.test(value) ? value : fallback;
}

/**
 * A request or reply as it goes over the wire: u32 big-endian length, then JSON in UTF-8.
 * @throws `preface.too_large` beyond 16 KiB.
 */
export function encodePreface(message: PrefaceRequest | PrefaceReply): Buffer {
  const json = Buffer.from(JSON.stringify(message), 'utf8');
  if (json.length > MAX_PREFACE_BYTES) {
    throw new DrawbridgeError(
      'preface.too_large',
      `The stream's first message is over ${MAX_PREFACE_BYTES} bytes.`,
    );
  }
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + json.length);
  bytes.writeUInt32BE(json.length, 0);
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}

/** A whole preface, and the bytes that came behind it. */
export interface ReadPreface {
  readonly value: unknown;
  readonly rest: Buffer;
}

/**
 * Reads one preface from bytes in any chunks. What waits for more is copied, each byte once: a few bytes must not keep the
 * whole message in memory that they came in, and to send them one by one must cost the reader no more than the sender.
 */
export class PrefaceReader {
  /** The length, and once it is known the text behind it as well. */
  #own = Buffer.alloc(LENGTH_BYTES);
  #ownBytes = 0;
  #lengthIsKnown = false;

  /**
   * Takes the next bytes. Gives back the preface once it is whole, else undefined.
   * @throws `preface.malformed`; then the reader must not be used any more.
   */
  push(piece: Buffer): ReadPreface | undefined {
    let taken = this.#take(piece, 0);
    if (!this.#lengthIsKnown && this.#ownBytes === LENGTH_BYTES) {
      this.#makeRoom(this.#own.readUInt32BE(0));
      taken += this.#take(piece, taken);
    }
    if (!this.#lengthIsKnown || this.#ownBytes < this.#own.length) return undefined;
    return { value: parseJson(this.#own.subarray(LENGTH_BYTES)), rest: piece.subarray(taken) };
  }

  #take(piece: Buffer, from: number): number {
    const taken = piece.copy(this.#own, this.#ownBytes, from);
    this.#ownBytes += taken;
    return taken;
  }

  #makeRoom(length: number): void {
    if (length === 0) throw malformed('is empty');
    if (length > MAX_PREFACE_BYTES) throw malformed(`is over ${MAX_PREFACE_BYTES} bytes`);
    const room = Buffer.allocUnsafe(LENGTH_BYTES + length);
    this.#own.copy(room);
    this.#own = room;
    this.#lengthIsKnown = true;
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DrawbridgeError('preface.malformed', 'The first message of the stream is no JSON.', { cause });
  }
}

/**
 * Checks a request's form.
 * @throws `preface.malformed`, `preface.version`.
 */
export function parseRequest(value: unknown): PrefaceRequest {
  if (!isRecord(value)) throw malformed('is no JSON object');
  const { v, kind } = value;
  if (v !== 1)
    throw new DrawbridgeError(
      'preface.version',
      'This version of Drawbridge only knows requests of version 1.',
    );
  if (typeof kind !== 'string' || !KIND.test(kind)) throw malformed('has no kind');
  return { ...value, v, kind };
}

/**
 * Checks a reply's form. A refusal's texts are made printable.
 * @throws `preface.malformed`.
 */
export function parseReply(value: unknown): PrefaceReply {
  if (!isRecord(value) || typeof value['ok'] !== 'boolean') throw malformed('is no reply');
  if (value['ok']) return { ...value, ok: true };
  const hint = printable(value['hint']);
  return {
    ok: false,
    code: codeOf(value['code'], 'preface.refused'),
    message: printable(value['message']) || 'The other end refused the stream.',
    ...(hint === '' ? {} : { hint }),
  };
}
