import type { X509Certificate } from 'node:crypto';
import { X509Certificate as Certificate } from 'node:crypto';

const ONE_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const DAY_MS = 86_400_000;

/** A certificate that ends sooner than this many days from now is worth a warning. */
export const EXPIRY_WARNING_DAYS = 30;

/** The certificates of a PEM text, in their order. Anything else in it is passed over. */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  return (pem.match(ONE_CERTIFICATE) ?? []).map((text) => new Certificate(text));
}

/** Whole days until a certificate ends; negative when it has. */
export function daysLeft(certificate: X509Certificate, nowMs: number): number {
  return Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS);
}

/**
 * Follows the issuers from the first certificate through the others, and tells whether that ends at one of these
 * authorities. A server that leaves out a certificate of its chain works with some clients and not with others.
 */
export function leadsToAuthority(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  let at = chain[0];
  for (let step = 0; at !== undefined && step <= chain.length; step++) {
    const current = at;
    const isKnown = authorities.some(
      (one) =>
        one.fingerprint256 === current.fingerprint256 ||
        (current.checkIssued(one) && current.verify(one.publicKey)),
    );
    if (isKnown) return true;
    at = chain.find((one) => one !== current && current.checkIssued(one) && current.verify(one.publicKey));
  }
  return false;
}
