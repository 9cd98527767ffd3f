import { DrawbridgeError } from '../errors.ts';
import { fingerprintOf } from './keys.ts';
import { verifyWholeSignature } from './user-key.ts';
import { WireReader, WireWriter } from './wire.ts';

/** A user certificate as it was presented (PROTOCOL.certkeys of OpenSSH). Read, not yet believed. */
export interface UserCertificate {
  /** Type as it stands in the certificate: `ssh-ed25519-cert-v01@openssh.com`, … */
  readonly type: string;
  /** The key that it certifies, as a plain public key. */
  readonly keyType: string;
  readonly keyBlob: Buffer;
  readonly keyFingerprint: string;
  readonly serial: bigint;
  /** 1: for a user, 2: for a host. */
  readonly kind: number;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds of the Unix epoch. */
  readonly validAfterS: bigint;
  /** Seconds of the Unix epoch; the first second at which it is not valid any more. */
  readonly validBeforeS: bigint;
  /** Critical options: what each holds, still as bytes. */
  readonly criticalOptions: ReadonlyMap<string, Buffer>;
  readonly caBlob: Buffer;
  readonly caFingerprint: string;
  /** What the CA has signed, and its signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** {@link UserCertificate.kind} of a user's certificate. */
export const USER_CERTIFICATE = 1;

/** A longer certificate is not read; one of a 16384-bit RSA key by a CA with such a key has about 7 KiB. */
export const CERTIFICATE_LIMIT_BYTES = 16 * 1024;
const PRINCIPALS_LIMIT = 256;
const CRITICAL_OPTIONS_LIMIT = 16;

/** What is certified: the plain key's type, and how many fields that key has. */
const CERTIFIED: ReadonlyMap<string, { readonly keyType: string; readonly fields: number }> = new Map([
  ['ssh-ed25519-cert-v01@openssh.com', { keyType: 'ssh-ed25519', fields: 1 }],
  ['ecdsa-sha2-nistp256-cert-v01@openssh.com', { keyType: 'ecdsa-sha2-nistp256', fields: 2 }],
  ['ecdsa-sha2-nistp384-cert-v01@openssh.com', { keyType: 'ecdsa-sha2-nistp384', fields: 2 }],
  ['ecdsa-sha2-nistp521-cert-v01@openssh.com', { keyType: 'ecdsa-sha2-nistp521', fields: 2 }],
  ['ssh-rsa-cert-v01@openssh.com', { keyType: 'ssh-rsa', fields: 2 }],
  ['sk-ssh-ed25519-cert-v01@openssh.com', { keyType: 'sk-ssh-ed25519@openssh.com', fields: 2 }],
  [
    'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    { keyType: 'sk-ecdsa-sha2-nistp256@openssh.com', fields: 3 },
  ],
]);

/** The ways to sign with the key of an RSA certificate; the type in the certificate itself says SHA-1, and is none. */
const RSA_SIGNATURES: ReadonlyMap<string, string> = new Map([
  ['rsa-sha2-256-cert-v01@openssh.com', 'rsa-sha2-256'],
  ['rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-512'],
]);

/** True for the algorithms and types of certificates, also of such that we don't take. */
export function isCertificateType(name: string): boolean {
  return /-cert-v\d\d@openssh\.com$/.test(name);
}

/**
 * Which signature has to come with a certificate of `type` when a client names `algorithm` for it: `rsa-sha2-512`, …
 * Undefined when the two don't belong together, or when it would be SHA-1.
 */
export function signatureAlgorithmFor(type: string, algorithm: string): string | undefined {
  const certified = CERTIFIED.get(type);
  if (certified?.keyType === 'ssh-rsa') return RSA_SIGNATURES.get(algorithm);
  return type === algorithm ? certified?.keyType : undefined;
}

/** Reads a certificate; its CA's signature is not checked here. @throws `ssh.invalid_certificate`, nothing else. */
export function parseUserCertificate(blob: Buffer): UserCertificate {
  if (blob.length > CERTIFICATE_LIMIT_BYTES) throw invalid();
  try {
    return parse(Buffer.from(blob));
  } catch (cause) {
    throw invalid(cause);
  }
}

/** True when the key that the certificate names as its CA has signed exactly these bytes, with no SHA-1. */
export function isSignedByItsCa(certificate: UserCertificate): boolean {
  const { caBlob, signed, signature } = certificate;
  return verifyWholeSignature(caBlob, signature, signed) !== undefined;
}

function parse(blob: Buffer): UserCertificate {
  const reader = new WireReader(blob);
  const type = reader.text();
  const certified = CERTIFIED.get(type);
  if (certified === undefined) throw invalid();
  // The nonce is there for the CA's sake alone.
  reader.string();
  const key = new WireWriter().string(certified.keyType);
  for (let field = 0; field < certified.fields; field++) key.string(reader.string());
  const keyBlob = key.finish();
  const serial = uint64(reader);
  const kind = reader.uint32();
  const keyId = reader.text();
  const principals = readPrincipals(reader.string());
  const validAfterS = uint64(reader);
  const validBeforeS = uint64(reader);
  const criticalOptions = readOptions(reader.string());
  // Extensions only widen what a shell at an sshd may do, and the reserved field has no meaning.
  reader.string();
  reader.string();
  const caBlob = reader.string();
  const signed = blob.subarray(0, reader.position);
  const signature = reader.string();
  if (reader.leftBytes !== 0) throw invalid();
  return {
    ...{
      type,
      keyType: certified.keyType,
      keyBlob,
      keyFingerprint: fingerprintOf(keyBlob),
      serial,
      kind,
      keyId,
    },
    ...{ principals, validAfterS, validBeforeS, criticalOptions },
    ...{ caBlob, caFingerprint: fingerprintOf(caBlob), signed, signature },
  };
}

function readPrincipals(bytes: Buffer): readonly string[] {
  const reader = new WireReader(bytes);
  const principals: string[] = [];
  while (reader.leftBytes > 0) {
    if (principals.length === PRINCIPALS_LIMIT) throw invalid();
    principals.push(reader.text());
  }
  return principals;
}

function readOptions(bytes: Buffer): ReadonlyMap<string, Buffer> {
  const reader = new WireReader(bytes);
  const options = new Map<string, Buffer>();
  while (reader.leftBytes > 0) {
    const name = reader.text();
    if (options.has(name) || options.size === CRITICAL_OPTIONS_LIMIT) throw invalid();
    options.set(name, reader.string());
  }
  return options;
}

function uint64(reader: WireReader): bigint {
  return reader.take(8).readBigUInt64BE();
}

function invalid(cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('ssh.invalid_certificate', 'This is not an OpenSSH user certificate.', {
    cause,
  });
}
