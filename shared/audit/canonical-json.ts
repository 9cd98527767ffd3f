import type { Json } from './event.ts';

/** Deeper nesting is a fault of the caller. */
const DEPTH_LIMIT = 64;

/**
 * The one JSON text of a value (RFC 8785): members sorted by UTF-16 code units, no white space, numbers as
 * ECMAScript writes them. Members that are `undefined` are left out.
 * @throws TypeError for what JSON can't say: NaN, infinities, lone surrogates, nesting beyond 64 levels
 */
export function canonicalJson(value: Json): string {
  return write(value, 0);
}

function write(value: Json | undefined, depth: number): string {
  if (depth > DEPTH_LIMIT) throw new TypeError(`nested deeper than ${DEPTH_LIMIT} levels`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return writeText(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON number`);
    return JSON.stringify(value);
  }
  if (isList(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`${typeof value} is not JSON`);
  return writeMembers(value, depth);
}

function writeMembers(value: { readonly [key: string]: Json | undefined }, depth: number): string {
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) members.push(`${writeText(key)}:${write(member, depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}

function writeText(text: string): string {
  if (hasLoneSurrogate(text)) throw new TypeError('a lone surrogate is not text');
  return JSON.stringify(text);
}

/** True when `text` is not well-formed UTF-16, and so has no UTF-8 form. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
