import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { AuditEvent } from './event.ts';

/** `prev` of the first event. */
export const GENESIS_HASH = '0'.repeat(64);

/** Hash of an event: SHA-256 (hex) over the canonical JSON of everything but `hash`. */
export function hashEvent(event: Omit<AuditEvent, 'hash'> & { readonly hash?: string }): string {
  return hash('sha256', canonicalJson({ ...event, hash: undefined }), 'hex');
}

/**
 * An event as one line of text: how it is stored, exported, and what is a leaf of the tree. It is the canonical
 * JSON of the whole event, `hash` included.
 */
export function lineOf(event: AuditEvent): string {
  return canonicalJson(event);
}
