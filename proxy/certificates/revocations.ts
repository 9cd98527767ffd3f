import type { UserCertificate } from '../../shared/ssh/certificate.ts';
import { isCertificateType } from '../../shared/ssh/certificate.ts';
import { fault, keyOn, linesOf } from './kept-file.ts';

/** What took a certificate back. */
export type RevokedBy = 'serial' | 'key_id' | 'key' | 'ca';

/** The certificates and keys that are taken back. */
export class Revocations {
  /** `N` for every CA, `N SHA256:…` for one. */
  readonly #serials = new Set<string>();
  readonly #keyIds = new Set<string>();
  readonly #keys = new Set<string>();

  /**
   * Reads a list with one entry per line: `serial:N` (of any listed CA), `serial:N SHA256:…` (of that CA), `id:KEY ID`,
   * a public key, or a key's fingerprint. A line that is none of them is a fault: it was meant to revoke something.
   * @throws `certificates.fault`
   */
  static parse(text: string): Revocations {
    if (text.startsWith('SSHKRL')) throw fault('it is a binary KRL, and has to be a text list');
    const revocations = new Revocations();
    for (const { number, line } of linesOf(text)) revocations.#add(line, number);
    return revocations;
  }

  /** By what this certificate is revoked; undefined when it is not. */
  find(certificate: UserCertificate): RevokedBy | undefined {
    const { serial, keyId, keyFingerprint, caFingerprint } = certificate;
    if (this.#keys.has(caFingerprint)) return 'ca';
    if (this.#keys.has(keyFingerprint)) return 'key';
    if (this.#keyIds.has(keyId.trim())) return 'key_id';
    return this.#serials.has(`${serial}`) || this.#serials.has(`${serial} ${caFingerprint}`)
      ? 'serial'
      : undefined;
  }

  #add(line: string, number: number): void {
    const serial = /^serial:\s*(\d{1,20})(?:\s+(SHA256:[A-Za-z0-9+/]{43}))?$/.exec(line);
    if (serial) {
      const [, digits = '', ca] = serial;
      this.#serials.add(ca === undefined ? `${BigInt(digits)}` : `${BigInt(digits)} ${ca}`);
      return;
    }
    const keyId = /^id:(.+)$/.exec(line)?.[1]?.trim();
    if (keyId !== undefined && keyId !== '') this.#keyIds.add(keyId);
    else this.#keys.add(/^SHA256:[A-Za-z0-9+/]{43}$/.test(line) ? line : fingerprintOn(line, number));
  }
}

function fingerprintOn(line: string, number: number): string {
  const key = keyOn(line);
  if (key === undefined) throw fault(`line ${number} is no serial:, id:, public key or SHA256: fingerprint`);
  if (!isCertificateType(key.type)) return key.fingerprint;
  throw fault(`line ${number} is a certificate; name its serial, its id or its key`);
}
