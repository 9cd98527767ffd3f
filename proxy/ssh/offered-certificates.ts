import type { Json } from '../../shared/audit/event.ts';
import { plainText } from '../../shared/plain-text.ts';
import type { SshAuthAttempt } from '../../shared/ssh/auth-attempt.ts';
import type { UserCertificate } from '../../shared/ssh/certificate.ts';
import type { CertificateStanding, Operators, ShownCertificate } from '../accounts/operators.ts';

type OfferedKey = NonNullable<SshAuthAttempt['key']>;

/** Certificates of foreign CAs that are kept until it is known whether to tell the audit log. */
const KEPT_LIMIT = 8;

/** Refusals of certificates that one connection tells to the audit log. */
const TOLD_LIMIT = 8;

/** What became of a certificate that a client offers or has signed with. */
export type CertificateAnswer =
  | {
      readonly kind: 'good';
      readonly shown: ShownCertificate;
      readonly needsCode: boolean;
      /** The account's epoch. */
      readonly epoch: number;
    }
  /** `tell`: enter this refusal in the audit log. */
  | { readonly kind: 'refused'; readonly tell?: CertificateRefusalEvent };

/** A refusal as the audit log has it. */
export interface CertificateRefusalEvent {
  readonly reason: string;
  readonly about: { readonly [field: string]: Json };
}

/**
 * The certificates that one connection shows. A client may show several, and get in by another key after all: a foreign
 * CA's certificate is told to the audit log only if it does not; one of our own CA that is refused, at once.
 */
export class OfferedCertificates {
  readonly #operators: Pick<Operators, 'standingOfCertificate'>;
  readonly #source: string;
  readonly #foreign = new Map<string, CertificateRefusalEvent>();
  readonly #told = new Set<string>();

  constructor(operators: Pick<Operators, 'standingOfCertificate'>, source: string) {
    this.#operators = operators;
    this.#source = source;
  }

  /** Judges the certificate for the name that is signed in with; whether the key has signed is the caller's matter. */
  async judge(username: string, key: OfferedKey, certificate: UserCertificate): Promise<CertificateAnswer> {
    const shown: ShownCertificate = { certificate, source: this.#source };
    const standing = await this.#operators.standingOfCertificate(username, shown);
    const reason = reasonOf(standing, key);
    if (standing.kind === 'good' && reason === undefined)
      return { kind: 'good', shown, needsCode: standing.needsCode, epoch: standing.epoch };
    return this.#refused(reason ?? 'certificate_not_accepted', certificate);
  }

  /** The refusals that were kept back, for a connection that got in by nothing else. */
  untold(): readonly CertificateRefusalEvent[] {
    const events = [...this.#foreign.values()];
    this.#foreign.clear();
    return events;
  }

  #refused(reason: string, certificate: UserCertificate): CertificateAnswer {
    const { caFingerprint, keyFingerprint } = certificate;
    if (FOREIGN.has(reason)) {
      // Nothing in it is vouched for, so only fingerprints of it are told.
      const about = { fingerprint: keyFingerprint, caFingerprint };
      if (this.#foreign.size < KEPT_LIMIT)
        this.#foreign.set(caFingerprint + keyFingerprint, { reason, about });
      return { kind: 'refused' };
    }
    const name = `${reason} ${certificate.serial} ${keyFingerprint}`;
    if (this.#told.has(name) || this.#told.size === TOLD_LIMIT) return { kind: 'refused' };
    this.#told.add(name);
    return { kind: 'refused', tell: { reason, about: certificateFields(certificate) } };
  }
}

/** Reasons for which nobody of ours has to be behind the certificate. */
const FOREIGN: ReadonlySet<string> = new Set([
  'certificate_not_accepted',
  'certificate_unknown_ca',
  'certificate_bad_signature',
]);

function reasonOf(standing: CertificateStanding, key: OfferedKey): string | undefined {
  if (standing.kind === 'not_accepted') return 'certificate_not_accepted';
  if (standing.kind === 'refused') return standing.why;
  if (!key.signed || !key.type.startsWith('sk-')) return undefined;
  if (!key.userPresent) return 'certificate_key_not_touched';
  const verifyRequired = key.certificate?.criticalOptions.has('verify-required') === true;
  return verifyRequired && !key.userVerified ? 'certificate_verify_required' : undefined;
}

/** What the audit log keeps of a certificate. */
export function certificateFields(certificate: UserCertificate): { readonly [field: string]: string } {
  return {
    fingerprint: certificate.keyFingerprint,
    certificateSerial: `${certificate.serial}`,
    certificateId: plainText(certificate.keyId),
    caFingerprint: certificate.caFingerprint,
  };
}
