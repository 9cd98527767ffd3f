import type { Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { UserCertificate } from '../../shared/ssh/certificate.ts';
import { parseAuthorities } from './authorities.ts';
import type { UserCertificatesConfig } from './config.ts';
import { type CertificateRefusal, refusalOf } from './judgement.ts';
import { KeptFile } from './kept-file.ts';
import { Revocations } from './revocations.ts';

/** What is held against a certificate, files that can't be read included. */
export type CertificateFault = CertificateRefusal | 'certificate_files_unreadable';

/** Judges OpenSSH user certificates by the CA keys and the revocation list that the administrator keeps in files. */
export class UserCertificates {
  /** Whether a one-time code has to follow. */
  readonly needsCode: boolean;
  readonly #authorities: KeptFile<ReadonlySet<string>>;
  readonly #revocations: KeptFile<Revocations>;
  readonly #clock: Clock;
  readonly #log: Logger;

  private constructor(config: UserCertificatesConfig, clock: Clock, log: Logger) {
    this.needsCode = config.oneTimeCode === 'required';
    this.#authorities = new KeptFile(config.ca, (bytes) => parseAuthorities(bytes.toString('utf8')));
    this.#revocations = new KeptFile(config.revoked, (bytes) => Revocations.parse(bytes));
    this.#clock = clock;
    this.#log = log;
  }

  /** @throws `certificates.unreadable` when one of the files can't be used. */
  static async open(
    config: UserCertificatesConfig,
    { clock, log }: { readonly clock: Clock; readonly log: Logger },
  ): Promise<UserCertificates> {
    const certificates = new UserCertificates(config, clock, log);
    await certificates.#authorities.value();
    await certificates.#revocations.value();
    return certificates;
  }

  /** Why the certificate does not let its holder be `username` at this address now; undefined when it does. */
  async faultOf(
    certificate: UserCertificate,
    at: { readonly username: string; readonly source: string },
  ): Promise<CertificateFault | undefined> {
    let authorities: ReadonlySet<string>;
    let revocations: Revocations;
    try {
      [authorities, revocations] = await Promise.all([this.#authorities.value(), this.#revocations.value()]);
    } catch (error) {
      this.#log.error({ problem: messageOf(error) }, 'nobody gets in by certificate');
      return 'certificate_files_unreadable';
    }
    return refusalOf(certificate, { authorities, revocations, nowMs: this.#clock.nowMs(), ...at });
  }
}
