import { isIP } from 'node:net';
import { AcmeCertificate } from '../acme/acme-certificate.ts';
import type { AcmeSettings } from '../acme/config.ts';
import type { Clock } from '../clock.ts';
import type { Egress } from '../egress/egress.ts';
import { DrawbridgeError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { renewFromPrivateCa } from './private-ca.ts';
import { ServedCertificate, type TlsFiles } from './served-certificate.ts';

/** So often a certificate of our own CA is looked at. */
const REVIEW_MS = 86_400_000;

/** What {@link openCertificate} works with. */
export interface CertificateParts {
  readonly tls: TlsFiles & { readonly acme?: AcmeSettings };
  readonly publicUrl: string;
  readonly dataDir: string;
  readonly egress: () => Egress;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The certificate that a role serves, and whoever keeps it from ending: ACME when it is configured, else the private
 * CA that `init` made; a certificate from elsewhere is its owner's to renew. Until ACME has given one, and whenever
 * its own can't be used, the files that the configuration names are served.
 * @throws `tls.*`, `acme.no_dns_name`
 */
export async function openCertificate(
  parts: CertificateParts,
): Promise<{ readonly served: ServedCertificate; close(): Promise<void> }> {
  const { tls, clock, log } = parts;
  const names = tls.acme?.names ?? [new URL(parts.publicUrl).hostname];
  if (tls.acme !== undefined) requireDnsNames(names);
  const renew = async (): Promise<void> => {
    try {
      if (await renewFromPrivateCa(tls, clock.nowMs()))
        log.info({ certificate: tls.certificate }, 'renewed the TLS certificate of the private CA');
    } catch (error) {
      const hint = error instanceof DrawbridgeError ? error.hint : undefined;
      log.error({ err: error, hint }, messageOf(error));
    }
  };
  await renew();
  let served: ServedCertificate | undefined;
  const acme =
    tls.acme &&
    new AcmeCertificate({
      ...{ dataDir: parts.dataDir, settings: tls.acme, names, egress: parts.egress, clock, log },
      onObtained: async () => {
        await served?.look();
      },
    });
  const files: TlsFiles = {
    certificate: tls.certificate,
    key: tls.key,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
  };
  served = await ServedCertificate.open(
    acme === undefined ? [files] : [{ certificate: acme.path, key: acme.path, isWhole: true }, files],
    { clock, log },
  );
  const reviews = clock.every(REVIEW_MS, () => void renew().then(() => served?.look()));
  acme?.start();
  return {
    served,
    async close() {
      reviews.cancel();
      await acme?.close();
      await served?.close();
    },
  };
}

function requireDnsNames(names: readonly string[]): void {
  const odd = names.find((name) => isIP(name.replace(/^\[|\]$/g, '')) !== 0 || !name.includes('.'));
  if (odd === undefined) return;
  throw new DrawbridgeError('acme.no_dns_name', `There can be no certificate by ACME for ${odd}.`, {
    hint: "Give publicUrl a DNS name that leads to this machine, or list names under 'tls.acme.names'.",
  });
}
