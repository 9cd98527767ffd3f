import { hasLoneSurrogate } from './canonical-json.ts';
import type { AuditEventInput, Json } from './event.ts';

/**
 * The event with text that has a UTF-8 form: what a peer sent may hold lone surrogates, and that must not keep an
 * event out of the log. They become U+FFFD, here as in a recording.
 */
export function storableEvent(event: AuditEventInput): AuditEventInput {
  // JSON.stringify writes a lone surrogate as an escape. Nearly every event has none: looking costs less than a copy.
  const mayHoldLoneSurrogate = /\\ud[89a-f]/.test(JSON.stringify(event));
  return mayHoldLoneSurrogate ? { ...event, ...storableMembers(event) } : { ...event };
}

function storable(value: Json): Json {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(storable);
  return storableMembers(value);
}

function storableMembers(value: { readonly [key: string]: Json | undefined }): { [key: string]: Json } {
  const members = Object.entries(value).flatMap(([key, member]): [string, Json][] =>
    member === undefined ? [] : [[wellFormed(key), storable(member)]],
  );
  return Object.fromEntries(members);
}

function wellFormed(text: string): string {
  return hasLoneSurrogate(text) ? Buffer.from(text, 'utf8').toString('utf8') : text;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
