import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ed25519KeyObject } from './keys.ts';
import { protocolFault, WireReader } from './wire.ts';

/** A signature of a user's key, as SSH_MSG_USERAUTH_REQUEST carries it. */
export interface UserSignature {
  /** Algorithm that the client named (`ssh-ed25519`, `rsa-sha2-512`, …). */
  readonly algorithm: string;
  /** The signature proper; of a hardware key as on the wire. */
  readonly signature: Buffer;
  /** How the signature of a plain ECDSA key is written: in DER, as ssh2 hands it over, or as on the wire (`ssh`). */
  readonly ecdsa: 'der' | 'ssh';
  /** What follows it: flags and counter of a hardware key, nothing for others. */
  readonly trailer: Buffer;
  /** What was signed. */
  readonly signed: Buffer;
}

/** What a valid signature says beside being valid. Both are true only for hardware keys that say so. */
export interface SignatureFacts {
  readonly userPresent: boolean;
  readonly userVerified: boolean;
}

/** True for a plain public key of a kind that signatures can be checked with here; false for a certificate. */
export function isVerifiableKey(blob: Buffer): boolean {
  try {
    const type = new WireReader(blob).text();
    return USER_KEY_TYPES.has(type);
  } catch {
    return false;
  }
}

const USER_KEY_TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** RSA keys below this are refused. */
const MIN_RSA_BITS = 2048;

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;

const CURVES: Readonly<
  Record<string, { readonly crv: string; readonly sizeBytes: number; readonly hash: string }>
> = {
  nistp256: { crv: 'P-256', sizeBytes: 32, hash: 'sha256' },
  nistp384: { crv: 'P-384', sizeBytes: 48, hash: 'sha384' },
  nistp521: { crv: 'P-521', sizeBytes: 66, hash: 'sha512' },
};

/**
 * Checks a user's signature with the key in `blob`. Hardware keys (`sk-…`) are checked after PROTOCOL.u2f of OpenSSH.
 * @returns undefined when the key is of a kind we don't take, or the signature is not valid.
 */
export function verifyUserSignature(blob: Buffer, given: UserSignature): SignatureFacts | undefined {
  try {
    return verifyWith(new WireReader(blob), given);
  } catch {
    // Malformed keys and signatures are a peer's to send; whatever is wrong with them, they don't count.
    return undefined;
  }
}

/**
 * Checks a signature as it stands on the wire: its algorithm, then the signature (RFC 4253, section 6.6), then what a
 * hardware key adds. `algorithm`: the only one that may stand there, if it matters.
 * @returns undefined like {@link verifyUserSignature}.
 */
export function verifyWholeSignature(
  blob: Buffer,
  whole: Buffer,
  signed: Buffer,
  algorithm?: string,
): SignatureFacts | undefined {
  try {
    const reader = new WireReader(whole);
    const named = reader.text();
    if (algorithm !== undefined && named !== algorithm) return undefined;
    const signature = reader.string();
    const given: UserSignature = {
      ...{ algorithm: named, signature, ecdsa: 'ssh', trailer: reader.rest(), signed },
    };
    return verifyWith(new WireReader(blob), given);
  } catch {
    return undefined;
  }
}

function verifyWith(reader: WireReader, given: UserSignature): SignatureFacts | undefined {
  const type = reader.text();
  switch (type) {
    case 'ssh-ed25519': {
      const key = ed25519KeyObject(reader.string());
      return plain(
        given.algorithm === type && isEd25519Signature(key, given.signature, given.signed),
        reader,
        given,
      );
    }
    case 'ssh-rsa': {
      const hash = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[given.algorithm];
      const key = rsaKey(reader.string(), reader.string());
      return plain(hash !== undefined && verify(hash, given.signed, key, given.signature), reader, given);
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521': {
      const curve = reader.text();
      if (type !== `ecdsa-sha2-${curve}` || given.algorithm !== type) return undefined;
      const point = reader.string();
      const valid = isEcdsaSignature(curve, point, given.signature, given.signed, given.ecdsa);
      return plain(valid, reader, given);
    }
    case 'sk-ssh-ed25519@openssh.com': {
      const key = ed25519KeyObject(reader.string());
      const signed = hardwareSigned(reader, given);
      return given.algorithm === type && isEd25519Signature(key, given.signature, signed)
        ? hardwareFacts(given)
        : undefined;
    }
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      const curve = reader.text();
      const point = reader.string();
      const signed = hardwareSigned(reader, given);
      const valid = curve === 'nistp256' && isEcdsaSignature(curve, point, given.signature, signed, 'ssh');
      return given.algorithm === type && valid ? hardwareFacts(given) : undefined;
    }
    default:
      return undefined;
  }
}

function plain(valid: boolean, reader: WireReader, given: UserSignature): SignatureFacts | undefined {
  const whole = reader.leftBytes === 0 && given.trailer.length === 0;
  return valid && whole ? { userPresent: false, userVerified: false } : undefined;
}

function hardwareSigned(reader: WireReader, given: UserSignature): Buffer {
  const application = reader.string();
  if (reader.leftBytes !== 0 || given.trailer.length !== 5)
    throw protocolFault('A hardware key is malformed.');
  return Buffer.concat([sha256(application), given.trailer, sha256(given.signed)]);
}

function hardwareFacts(given: UserSignature): SignatureFacts {
  const flags = given.trailer.readUInt8(0);
  return { userPresent: (flags & USER_PRESENT) !== 0, userVerified: (flags & USER_VERIFIED) !== 0 };
}

function isEd25519Signature(key: KeyObject, signature: Buffer, signed: Buffer): boolean {
  return signature.length === 64 && verify(null, signed, key, signature);
}

function isEcdsaSignature(
  curve: string,
  point: Buffer,
  signature: Buffer,
  signed: Buffer,
  encoding: 'der' | 'ssh',
): boolean {
  const parameters = CURVES[curve];
  if (parameters === undefined || point.length !== 1 + 2 * parameters.sizeBytes || point[0] !== 4)
    return false;
  const { crv, sizeBytes, hash } = parameters;
  const x = point.subarray(1, 1 + sizeBytes).toString('base64url');
  const y = point.subarray(1 + sizeBytes).toString('base64url');
  const key = createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' });
  if (encoding === 'der') return verify(hash, signed, { key, dsaEncoding: 'der' }, signature);
  const reader = new WireReader(signature);
  const raw = Buffer.concat([fixedSize(reader.string(), sizeBytes), fixedSize(reader.string(), sizeBytes)]);
  return reader.leftBytes === 0 && verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, raw);
}

function rsaKey(exponent: Buffer, modulus: Buffer): KeyObject {
  const n = withoutLeadingZeros(modulus);
  if (n.length * 8 < MIN_RSA_BITS) throw protocolFault('An RSA key is too short.');
  const e = withoutLeadingZeros(exponent).toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', e, n: n.toString('base64url') }, format: 'jwk' });
}

function withoutLeadingZeros(integer: Buffer): Buffer {
  let start = 0;
  while (start < integer.length && integer[start] === 0) start += 1;
  return integer.subarray(start);
}

function fixedSize(integer: Buffer, sizeBytes: number): Buffer {
  const digits = withoutLeadingZeros(integer);
  if (digits.length > sizeBytes) throw protocolFault('A signature holds a number that is too large.');
  return Buffer.concat([Buffer.alloc(sizeBytes - digits.length), digits]);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
