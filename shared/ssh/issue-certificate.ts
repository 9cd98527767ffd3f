import { randomBytes } from 'node:crypto';
import { USER_CERTIFICATE } from './certificate.ts';
import type { SigningKey } from './signing-key.ts';
import { WireReader, WireWriter } from './wire.ts';

/** How an Ed25519 key's certificate is called (PROTOCOL.certkeys of OpenSSH). */
export const CERTIFICATE_ALGORITHM = 'ssh-ed25519-cert-v01@openssh.com';

/** As PROTOCOL.certkeys advises; it keeps the authority from signing bytes that somebody else has chosen whole. */
const NONCE_BYTES = 32;

const U64_LIMIT = 2n ** 64n - 1n;

/** What a user certificate is to say. */
export interface CertificateContents {
  /** The certified Ed25519 key, as on the wire. */
  readonly keyBlob: Buffer;
  /** What servers write into their logs. */
  readonly keyId: string;
  readonly serial: bigint;
  /** Accounts that it is good for; never none, which would mean all. */
  readonly principals: readonly [string, ...string[]];
  readonly validAfterMs: number;
  readonly validBeforeMs: number;
  /** `permit-pty`, …: what is not named is not allowed. */
  readonly extensions: readonly string[];
}

/** A user certificate, signed by `authority`. */
export function issueUserCertificate(authority: SigningKey, contents: CertificateContents): Buffer {
  const { keyBlob, keyId, serial, principals, validAfterMs, validBeforeMs, extensions } = contents;
  const key = new WireReader(keyBlob);
  key.text();
  const names = new WireWriter();
  for (const principal of principals) names.string(principal);
  const permitted = new WireWriter();
  // Servers refuse a certificate whose extensions are not in order.
  for (const extension of [...extensions].sort()) permitted.string(extension).string('');
  const signed = new WireWriter()
    .string(CERTIFICATE_ALGORITHM)
    .string(randomBytes(NONCE_BYTES))
    .string(key.string())
    .raw(uint64(serial))
    .uint32(USER_CERTIFICATE)
    .string(keyId)
    .string(names.finish())
    .raw(seconds(validAfterMs))
    .raw(seconds(validBeforeMs))
    .string('')
    .string(permitted.finish())
    .string('')
    .string(authority.blob)
    .finish();
  return new WireWriter().raw(signed).string(authority.sign(signed)).finish();
}

function seconds(timeMs: number): Buffer {
  return uint64(BigInt(Math.max(0, Math.floor(timeMs / 1000))));
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value > U64_LIMIT ? U64_LIMIT : value);
  return bytes;
}
