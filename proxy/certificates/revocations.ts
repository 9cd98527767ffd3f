import { createHash } from 'node:crypto';
import { isDrawbridgeError } from '../../shared/errors.ts';
import type { UserCertificate } from '../../shared/ssh/certificate.ts';
import { isCertificateType } from '../../shared/ssh/certificate.ts';
import { fingerprintOf } from '../../shared/ssh/keys.ts';
import { fault, keyOn, linesOf } from './kept-file.ts';
import { isKrl, type KrlSink, readKrl } from './krl.ts';
import { SerialRanges } from './serial-ranges.ts';

/** What took a certificate back. */
export type RevokedBy = 'serial' | 'key_id' | 'key' | 'ca';

/** Stands for whichever CA has signed. */
const ANY_CA = '';

/** What is taken back of one CA's certificates. */
interface OfCa {
  readonly serials: SerialRanges;
  readonly keyIds: Set<string>;
}

/** The certificates and keys that are taken back. */
export class Revocations {
  /** By the CA's fingerprint, and {@link ANY_CA}. */
  readonly #byCa = new Map<string, OfCa>();
  /** `SHA256:…` of keys and CAs. */
  readonly #keys = new Set<string>();
  /** The same by SHA-1 in base64, which old lists have. */
  readonly #sha1 = new Set<string>();

  /**
   * Reads a list: a binary KRL of `ssh-keygen -k`, or text with one entry per line: `serial:N` (of any listed CA),
   * `serial:N SHA256:…` (of that CA), `id:KEY ID`, a public key, or a key's fingerprint. What is none of them is a fault:
   * it was meant to revoke something.
   * @throws `certificates.fault`
   */
  static parse(bytes: Buffer): Revocations {
    const revocations = new Revocations();
    if (isKrl(bytes)) revocations.#readKrl(bytes);
    else for (const { number, line } of linesOf(bytes.toString('utf8'))) revocations.#addLine(line, number);
    return revocations;
  }

  /** By what this certificate is revoked; undefined when it is not. */
  find(certificate: UserCertificate): RevokedBy | undefined {
    const { serial, keyId, keyFingerprint, keyBlob, caFingerprint, caBlob } = certificate;
    if (this.#isRevokedKey(caFingerprint, caBlob)) return 'ca';
    if (this.#isRevokedKey(keyFingerprint, keyBlob)) return 'key';
    const lists = [this.#byCa.get(ANY_CA), this.#byCa.get(caFingerprint)].filter(
      (list) => list !== undefined,
    );
    if (lists.some(({ keyIds }) => keyIds.has(keyId) || keyIds.has(keyId.trim()))) return 'key_id';
    return lists.some(({ serials }) => serials.has(serial)) ? 'serial' : undefined;
  }

  #isRevokedKey(fingerprint: string, blob: Buffer): boolean {
    if (this.#keys.has(fingerprint)) return true;
    return this.#sha1.size > 0 && this.#sha1.has(createHash('sha1').update(blob).digest('base64'));
  }

  #of(ca: string): OfCa {
    const known = this.#byCa.get(ca) ?? { serials: new SerialRanges(), keyIds: new Set<string>() };
    this.#byCa.set(ca, known);
    return known;
  }

  #readKrl(bytes: Buffer): void {
    const fingerprintsOfCas = new Map<Buffer, string>();
    const ofCa = (ca: Buffer | undefined): OfCa => {
      if (ca === undefined) return this.#of(ANY_CA);
      const fingerprint = fingerprintsOfCas.get(ca) ?? fingerprintOf(ca);
      fingerprintsOfCas.set(ca, fingerprint);
      return this.#of(fingerprint);
    };
    const sink: KrlSink = {
      serials: (ca, from, to) => ofCa(ca).serials.add(from, to),
      keyId: (ca, keyId) => ofCa(ca).keyIds.add(keyId),
      key: (blob) => this.#keys.add(fingerprintOf(blob)),
      hash: (algorithm, digest) => {
        const text = digest.toString('base64');
        if (algorithm === 'sha1') this.#sha1.add(text);
        else this.#keys.add(`SHA256:${text.replace(/=+$/, '')}`);
      },
    };
    try {
      readKrl(bytes, sink);
    } catch (error) {
      if (isDrawbridgeError(error, 'ssh.protocol')) throw fault('it is a KRL that is cut short');
      throw error;
    }
  }

  #addLine(line: string, number: number): void {
    const serial = /^serial:\s*(\d{1,20})(?:\s+(SHA256:[A-Za-z0-9+/]{43}))?$/.exec(line);
    if (serial) {
      const [, digits = '', ca = ANY_CA] = serial;
      this.#of(ca).serials.add(BigInt(digits), BigInt(digits));
      return;
    }
    const keyId = /^id:(.+)$/.exec(line)?.[1]?.trim();
    if (keyId !== undefined && keyId !== '') this.#of(ANY_CA).keyIds.add(keyId);
    else this.#keys.add(/^SHA256:[A-Za-z0-9+/]{43}$/.test(line) ? line : fingerprintOn(line, number));
  }
}

function fingerprintOn(line: string, number: number): string {
  const key = keyOn(line);
  if (key === undefined) throw fault(`line ${number} is no serial:, id:, public key or SHA256: fingerprint`);
  if (!isCertificateType(key.type)) return key.fingerprint;
  throw fault(`line ${number} is a certificate; name its serial, its id or its key`);
}
