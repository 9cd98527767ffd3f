import { WireReader } from '../../shared/ssh/wire.ts';
import { fault } from './kept-file.ts';

/** What a binary key revocation list begins with: `ssh-keygen -k` makes them (PROTOCOL.krl of OpenSSH). */
const MAGIC = Buffer.from('SSHKRL\n\0', 'latin1');
const FORMAT_VERSION = 1;

const Section = { Certificates: 1, Keys: 2, Sha1: 3, Sha256: 5, Extension: 255 } as const;
const CertificateSection = {
  Serials: 0x20,
  Range: 0x21,
  Bitmap: 0x22,
  KeyIds: 0x23,
  Extension: 0x39,
} as const;

const SHA1_BYTES = 20;
const SHA256_BYTES = 32;

/** Receives what a list takes back. `ca`: public key of the CA that it is meant of; undefined: of every one. */
export interface KrlSink {
  serials(ca: Buffer | undefined, from: bigint, to: bigint): void;
  keyId(ca: Buffer | undefined, keyId: string): void;
  /** A plain public key: somebody's, or a CA's. */
  key(blob: Buffer): void;
  /** The SHA-1 or SHA-256 of such a key. */
  hash(algorithm: 'sha1' | 'sha256', digest: Buffer): void;
}

/** True when these bytes mean to be a binary list. */
export function isKrl(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/**
 * Reads a binary list. Whatever in it is not known, or critical and not known, is a fault: it was meant to take something
 * back.
 * @throws `certificates.fault`, and `ssh.protocol` when it is cut short
 */
export function readKrl(bytes: Buffer, sink: KrlSink): void {
  const reader = new WireReader(bytes, MAGIC.length);
  const version = reader.uint32();
  if (version !== FORMAT_VERSION)
    throw fault(`it is a KRL of format ${version}, and only ${FORMAT_VERSION} is known`);
  // Its number, when it was made, and its flags: of none does anything depend here.
  reader.take(3 * 8);
  longString(reader);
  longString(reader);
  while (reader.leftBytes > 0) readSection(reader.byte(), longString(reader), sink);
}

function readSection(type: number, bytes: Buffer, sink: KrlSink): void {
  switch (type) {
    case Section.Certificates:
      readCertificates(new WireReader(bytes), sink);
      break;
    case Section.Keys:
      eachString(bytes, (blob) => sink.key(blob));
      break;
    case Section.Sha1:
      eachString(bytes, (digest) => sink.hash('sha1', ofLength(digest, SHA1_BYTES)));
      break;
    case Section.Sha256:
      eachString(bytes, (digest) => sink.hash('sha256', ofLength(digest, SHA256_BYTES)));
      break;
    case Section.Extension:
      readExtension(bytes);
      break;
    default:
      throw fault(`it is a KRL with a section of the unknown type ${type}`);
  }
}

function readCertificates(reader: WireReader, sink: KrlSink): void {
  const key = longString(reader);
  const ca = key.length === 0 ? undefined : key;
  longString(reader);
  while (reader.leftBytes > 0) {
    const type = reader.byte();
    const bytes = longString(reader);
    switch (type) {
      case CertificateSection.Serials:
        readSerials(bytes, (serial) => sink.serials(ca, serial, serial));
        break;
      case CertificateSection.Range:
        readRange(bytes, (from, to) => sink.serials(ca, from, to));
        break;
      case CertificateSection.Bitmap:
        readBitmap(bytes, (from, to) => sink.serials(ca, from, to));
        break;
      case CertificateSection.KeyIds:
        eachString(bytes, (keyId) => sink.keyId(ca, keyId.toString('utf8')));
        break;
      case CertificateSection.Extension:
        readExtension(bytes);
        break;
      default:
        throw fault(`it is a KRL with certificates of the unknown section type ${type}`);
    }
  }
}

function readSerials(bytes: Buffer, take: (serial: bigint) => void): void {
  const reader = new WireReader(bytes);
  while (reader.leftBytes > 0) take(uint64(reader));
}

function readRange(bytes: Buffer, take: (from: bigint, to: bigint) => void): void {
  const reader = new WireReader(bytes);
  take(uint64(reader), uint64(reader));
  if (reader.leftBytes > 0) throw broken();
}

const SERIAL_MAX = 2n ** 64n - 1n;

/** An offset, and a number whose bits, the lowest first, stand for the serial numbers from there on. */
function readBitmap(bytes: Buffer, take: (from: bigint, to: bigint) => void): void {
  const reader = new WireReader(bytes);
  const offset = uint64(reader);
  const bitmap = longString(reader);
  if (reader.leftBytes > 0) throw broken();
  const bits = bitmap.length * 8;
  const isSet = (bit: number): boolean =>
    (((bitmap[bitmap.length - 1 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 1;
  for (let bit = 0; bit < bits; bit += 1) {
    if (!isSet(bit)) continue;
    const first = bit;
    while (bit + 1 < bits && isSet(bit + 1)) bit += 1;
    const last = offset + BigInt(bit);
    if (last > SERIAL_MAX) throw broken();
    take(offset + BigInt(first), last);
  }
}

function readExtension(bytes: Buffer): void {
  const reader = new WireReader(bytes);
  const name = longString(reader)
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, '?')
    .slice(0, 64);
  if (reader.boolean()) throw fault(`it is a KRL with the critical extension ${name}, which is not known`);
}

function eachString(bytes: Buffer, take: (value: Buffer) => void): void {
  const reader = new WireReader(bytes);
  while (reader.leftBytes > 0) take(longString(reader));
}

/** The file's own limit bounds it. */
function longString(reader: WireReader): Buffer {
  return reader.take(reader.uint32());
}

function uint64(reader: WireReader): bigint {
  return reader.take(8).readBigUInt64BE();
}

function ofLength(digest: Buffer, lengthBytes: number): Buffer {
  if (digest.length !== lengthBytes) throw broken();
  return digest;
}

function broken(): Error {
  return fault('it is a KRL that is not well formed');
}
