import { sign, verify } from 'node:crypto';
import { type PublicJwk, publicKeyOf } from '../identity/keys.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import {
  KEY_ID_BYTES,
  keyIdOf,
  ORIGIN_PREFIX,
  SIGNATURE_BYTES,
  signatureBytes,
  splitNote,
} from './checkpoint-note.ts';

/** Signature type of a timestamped Ed25519 cosignature in C2SP signed-note. */
export const COSIGNATURE_TYPE = 4;

const TIMESTAMP_BYTES = 8;

/** The last second of the year 9999: later ones can't be written as ISO times, and no witness means them. */
const LATEST_S = 253_402_300_799;

/** Whose counter-signatures are looked for. */
export interface WitnessKey {
  readonly id: string;
  readonly publicJwk: PublicJwk;
}

/**
 * The note with the counter-signature of `identity` behind the others (C2SP tlog-cosignature, `cosignature/v1`): at
 * `atMs` it knew no other history of this log.
 * @throws `audit.bad_checkpoint` when it is no note
 */
export function cosign(note: string, identity: NodeIdentity, atMs: number): string {
  const { body } = splitNote(note);
  const name = ORIGIN_PREFIX + identity.id;
  const atS = Math.floor(atMs / 1000);
  const timestamp = Buffer.alloc(TIMESTAMP_BYTES);
  timestamp.writeBigUInt64BE(BigInt(atS));
  const signature = sign(null, messageOf(body, atS), identity.privateKey);
  const id = keyIdOf(name, COSIGNATURE_TYPE, identity.publicJwk);
  return `${note}\u2014 ${name} ${Buffer.concat([id, timestamp, signature]).toString('base64')}\n`;
}

/**
 * When this witness counter-signed the note, in milliseconds since the Unix epoch; undefined when it did not. A note
 * may have several: the latest counts.
 */
export function cosignedAtMs(note: string, witness: WitnessKey): number | undefined {
  const { body, signatureLines } = splitNote(note);
  const name = ORIGIN_PREFIX + witness.id;
  const keyId = keyIdOf(name, COSIGNATURE_TYPE, witness.publicJwk);
  const key = publicKeyOf(witness.publicJwk);
  let latestS: number | undefined;
  for (const line of signatureLines) {
    const bytes = signatureBytes(line, name);
    if (bytes?.length !== KEY_ID_BYTES + TIMESTAMP_BYTES + SIGNATURE_BYTES) continue;
    if (!bytes.subarray(0, KEY_ID_BYTES).equals(keyId)) continue;
    const atS = Number(bytes.readBigUInt64BE(KEY_ID_BYTES));
    const signature = bytes.subarray(KEY_ID_BYTES + TIMESTAMP_BYTES);
    const isValid = atS <= LATEST_S && verify(null, messageOf(body, atS), key, signature);
    if (isValid) latestS = Math.max(latestS ?? 0, atS);
  }
  return latestS === undefined ? undefined : latestS * 1000;
}

function messageOf(body: string, atS: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${atS}\n${body}`);
}
