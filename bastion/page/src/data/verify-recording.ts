import { canonicalJson } from '../../../../shared/audit/canonical-json.ts';
import type { AuditEntry, AuditProof } from '../../../web/api.ts';

/** What the browser has found out for itself. */
export interface VerifiedRecording {
  readonly sha256: string;
  /** Number of the event that names the digest, and of the events under the checkpoint that covers it. */
  readonly seq: number;
  readonly size: number;
  readonly key: VerifiedKey;
  /** Who has counter-signed the checkpoint; undefined when nobody is pinned who could, or has not yet. */
  readonly witness?: VerifiedKey & { readonly name: string; readonly atMs: number };
  /** A witness is pinned, and has not counter-signed this far. */
  readonly awaitsWitness: boolean;
}

/** A public key that fits what it is said to have signed. */
export interface VerifiedKey {
  /** Ed25519, base64url. */
  readonly x: string;
  /** RFC 7638, SHA-256: what the settings and the command show. */
  readonly fingerprint: string;
}

/** Something does not fit: the recording, or the log around it, is not what was recorded. */
export class EvidenceFault extends Error {}

const LEAF = 0;
const NODE = 1;
const KEY_ID_BYTES = 4;
const TIMESTAMP_BYTES = 8;
/** What origins and names of keys begin with. */
export const NAME_PREFIX = 'drawbridge/';

/**
 * Checks, in the browser, that `bytes` are the recording that the audit log names: its SHA-256 is that of the event, the
 * event's hash is that of its own content, the event is under the root of a checkpoint (RFC 9162), and the checkpoint
 * is signed with the bastion's key and, where the witness has got to it, counter-signed with the key pinned as the witness's.
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
  const key = { x: proof.key, fingerprint: await fingerprintOf(proof.key) };
  const witness = await witnessOf(body, signatures, proof.witness);
  const awaitsWitness = proof.witness !== undefined && witness === undefined;
  return { sha256, seq: closed.seq, size, key, awaitsWitness, ...(witness === undefined ? {} : { witness }) };
}

/** The witness's counter-signature (C2SP tlog-cosignature), the latest when there are several. */
async function witnessOf(
  body: string,
  signatures: readonly string[],
  pinned: AuditProof['witness'],
): Promise<VerifiedRecording['witness']> {
  if (pinned === undefined) return undefined;
  const stamps = stampsOf(NAME_PREFIX + pinned.id, signatures);
  if (stamps.length === 0) return undefined;
  const publicKey = await publicKeyOf(pinned.key);
  const times: number[] = [];
  for (const stamp of stamps) {
    if (stamp.length <= KEY_ID_BYTES + TIMESTAMP_BYTES) continue;
    const atS = Number(new DataView(stamp.buffer).getBigUint64(KEY_ID_BYTES));
    const signature = stamp.slice(KEY_ID_BYTES + TIMESTAMP_BYTES);
    const said = utf8(`cosignature/v1\ntime ${atS}\n${body}`);
    if (await crypto.subtle.verify({ name: 'Ed25519' }, publicKey, signature, said)) times.push(atS);
  }
  if (times.length === 0) throw new EvidenceFault("The witness's counter-signature does not fit its key.");
  const fingerprint = await fingerprintOf(pinned.key);
  return { name: pinned.name, x: pinned.key, fingerprint, atMs: Math.max(...times) * 1000 };
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
  const publicKey = await publicKeyOf(key);
  for (const stamp of stampsOf(name, signatures)) {
    const signature = stamp.slice(KEY_ID_BYTES);
    if (await crypto.subtle.verify({ name: 'Ed25519' }, publicKey, signature, utf8(body))) return true;
  }
  return false;
}

/** What stands in the signature lines of `name`: key id, and what its kind of signature has. */
function stampsOf(name: string, signatures: readonly string[]): readonly Uint8Array<ArrayBuffer>[] {
  return signatures.flatMap((line) => {
    const [, found, stamped = ''] = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    return found === name ? [base64(stamped)] : [];
  });
}

function publicKeyOf(x: string) {
  const raw = base64(x.replaceAll('-', '+').replaceAll('_', '/'));
  return crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);
}

async function fingerprintOf(x: string): Promise<string> {
  const canonical = `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`;
  const hash = toBase64(await digest(utf8(canonical)));
  return hash.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
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
