import { type AddressRange, isInRanges, parseAddressRange } from '../../shared/address-range.ts';
import { isSignedByItsCa, USER_CERTIFICATE, type UserCertificate } from '../../shared/ssh/certificate.ts';
import { WireReader } from '../../shared/ssh/wire.ts';
import type { Revocations, RevokedBy } from './revocations.ts';

/** Why a certificate does not count; for the audit log alone. */
export type CertificateRefusal =
  | 'certificate_unknown_ca'
  | 'certificate_bad_signature'
  | 'certificate_not_for_users'
  | 'certificate_unrevocable_id'
  | `certificate_revoked_${RevokedBy}`
  | 'certificate_not_yet_valid'
  | 'certificate_expired'
  | 'certificate_no_principals'
  | 'certificate_other_principal'
  | 'certificate_other_source'
  | 'certificate_forced_command'
  | 'certificate_verify_required'
  | 'certificate_unknown_option';

/** What a certificate is held against. */
export interface CertificateCircumstances {
  /** Fingerprints of the CA keys that count. */
  readonly authorities: ReadonlySet<string>;
  readonly revocations: Revocations;
  readonly nowMs: number;
  /** The name that is signed in with. */
  readonly username: string;
  /** The client's address. */
  readonly source: string;
}

/** More ranges than this in one `source-address` are not looked at. */
const RANGES_LIMIT = 256;

const CONTROL = /\p{Cc}/u;

/**
 * Why this certificate does not let its holder sign in as `username` (PROTOCOL.certkeys of OpenSSH); undefined when it
 * does. Whether the holder has the key is another question.
 */
export function refusalOf(
  certificate: UserCertificate,
  circumstances: CertificateCircumstances,
): CertificateRefusal | undefined {
  const { authorities, revocations, nowMs, username } = circumstances;
  // The CA before the signature: strangers' certificates shall not cost a verification.
  if (!authorities.has(certificate.caFingerprint)) return 'certificate_unknown_ca';
  if (!isSignedByItsCa(certificate)) return 'certificate_bad_signature';
  if (certificate.kind !== USER_CERTIFICATE) return 'certificate_not_for_users';
  // A line of the revocation list could not name it.
  if (CONTROL.test(certificate.keyId)) return 'certificate_unrevocable_id';
  const revokedBy = revocations.find(certificate);
  if (revokedBy !== undefined) return `certificate_revoked_${revokedBy}`;
  const nowS = BigInt(Math.floor(nowMs / 1000));
  if (nowS < certificate.validAfterS) return 'certificate_not_yet_valid';
  if (nowS >= certificate.validBeforeS) return 'certificate_expired';
  if (certificate.principals.length === 0) return 'certificate_no_principals';
  if (!certificate.principals.includes(username)) return 'certificate_other_principal';
  return refusalByOptions(certificate, circumstances.source);
}

function refusalByOptions(certificate: UserCertificate, source: string): CertificateRefusal | undefined {
  for (const [name, value] of certificate.criticalOptions) {
    switch (name) {
      case 'source-address': {
        const ranges = readRanges(value);
        if (ranges === undefined || !isInRanges(source, ranges)) return 'certificate_other_source';
        break;
      }
      case 'verify-required':
        // Only a hardware key can say whether it has checked its user; whether it has, its signature says.
        if (!certificate.keyType.startsWith('sk-')) return 'certificate_verify_required';
        break;
      case 'force-command':
        return 'certificate_forced_command';
      default:
        return 'certificate_unknown_option';
    }
  }
  return undefined;
}

function readRanges(value: Buffer): readonly AddressRange[] | undefined {
  try {
    const reader = new WireReader(value);
    const texts = reader.text().split(',');
    if (reader.leftBytes !== 0 || texts.length > RANGES_LIMIT) return undefined;
    const ranges = texts.map(parseAddressRange).filter((range) => range !== undefined);
    return ranges.length === texts.length ? ranges : undefined;
  } catch {
    return undefined;
  }
}
