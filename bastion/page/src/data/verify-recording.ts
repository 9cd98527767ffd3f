import { canonicalJson } from '../../../../shared/audit/canonical-json.ts';
import type { AuditEntry, AuditProof } from '../../../web/api.ts';

/** What the browser has found out for itself. */
export interface VerifiedRecording {
  readonly sha256: string;
  /** Number of the event that names the digest, and of the events under the checkpoint that covers it. */
  readonly seq: number;
  readonly size: number;
  /** The bastion's public key, base64url. */
  readonly key: string;
}

/** Something does not fit: the recording, or the log around it, is not what was recorded. */
export class EvidenceFault extends Error {}

const LEAF = 0;
const NODE = 1;
const KEY_ID_BYTES = 4;

/**
 * Checks, in the browser, that `bytes` are the recording that the audit log names: its SHA-256 is that of the event, the
 * event's hash is that of its own content, the event is under the root of a checkpoint (RFC 9162), and the checkpoint
 * is signed with the bastion's key.
 * @throws {@link EvidenceFault} with the first thing that does not fit.
 */
export async function verifyRecording(
  bytes: Uint8Array<ArrayBuffer>,
  closed: AuditEntry,
  proof: AuditProof,
): Promise<VerifiedRecording> {
  const sha256 = hex(await digest(bytes));
  if (sha256 !== closed['sha256'])
    throw new EvidenceFault('The recording is not the one that the audit log names.');
  const { hash, ...content } = closed;
  const own = hex(await digest(utf8(canonicalJson(content as Parameters<typeof canonicalJson>[0]))));
  if (own !== hash) throw new EvidenceFault('The event about the recording was changed.');
  const line = canonicalJson(closed as Parameters<typeof canonicalJson>[0]);
  const { body, signatures } = splitNote(proof.note);
  const [origin = '', sizeText = '', root = ''] = body.split('\n');
  const size = Number(sizeText);
  const leaf = await digest(joined(Uint8Array.of(LEAF), utf8(line)));
  const reached = await rootFrom(leaf, closed.seq - 1, size, proof.path.map(base64));
  if (reached === undefined || toBase64(reached) !== root) {
    throw new EvidenceFault('The event about the recording is not under the signed checkpoint.');
  }
  if (!(await isSigned(body, origin, signatures, proof.key))) {
    throw new EvidenceFault("The checkpoint is not signed with the bastion's key.");
  }
  return { sha256, seq: closed.seq, size, key: proof.key };
}

/** The root that an audit path leads to (RFC 9162, 2.1.3.2); undefined when the path has not the right length. */
async function rootFrom(
  leaf: Uint8Array<ArrayBuffer>,
  index: number,
  size: number,
  path: readonly Uint8Array<ArrayBuffer>[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  let [at, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      hash = await digest(joined(Uint8Array.of(NODE), sibling, hash));
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else hash = await digest(joined(Uint8Array.of(NODE), hash, sibling));
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : undefined;
}

function splitNote(note: string): { readonly body: string; readonly signatures: readonly string[] } {
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw new EvidenceFault('The checkpoint is not a signed note.');
  return { body: note.slice(0, split + 1), signatures: note.slice(split + 2).split('\n') };
}

async function isSigned(
  body: string,
  name: string,
  signatures: readonly string[],
  key: string,
): Promise<boolean> {
  const raw = base64(key.replaceAll('-', '+').replaceAll('_', '/'));
  const publicKey = await crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);
  for (const line of signatures) {
    const [, found, stamped = ''] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    if (found !== name) continue;
    const signature = base64(stamped).slice(KEY_ID_BYTES);
    if (await crypto.subtle.verify({ name: 'Ed25519' }, publicKey, signature, utf8(body))) return true;
  }
  return false;
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function joined(...parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function base64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
