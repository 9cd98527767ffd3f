import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { loadServerTls } from '../../shared/tls/server-tls.ts';
import { type Check, check, type Finding } from './finding.ts';

const WARN_DAYS = 30;
const DAY_MS = 24 * 3600 * 1000;
const ONE_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The certificate that a role serves: readable, fitting its key and name, complete, and not about to end. */
export function serverCertificate(
  files: { readonly certificate: string; readonly key: string; readonly ca?: string },
  publicUrl: string,
): Check {
  return check('certificate', async () => {
    const { cert } = await loadServerTls(files);
    const chain = (cert.match(ONE_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
    const [own] = chain;
    if (own === undefined) return [];
    const authorities = files.ca === undefined ? rootCertificates : [await readFile(files.ca, 'utf8')];
    return [expiry(own), nameOf(own, new URL(publicUrl).hostname), completeness(chain, authorities)];
  });
}

function expiry(own: X509Certificate): Omit<Finding, 'check'> {
  const days = Math.floor((Date.parse(own.validTo) - Date.now()) / DAY_MS);
  if (days >= WARN_DAYS) return { state: 'ok', text: `The TLS certificate is good for ${days} more days.` };
  return { state: 'warn', text: `The TLS certificate ends in ${days} days.`, hint: 'Renew it in time.' };
}

function nameOf(own: X509Certificate, hostname: string): Omit<Finding, 'check'> {
  const host = hostname.replace(/^\[|\]$/g, '');
  if ((isIP(host) === 0 ? own.checkHost(host) : own.checkIP(host)) !== undefined)
    return { state: 'ok', text: `The TLS certificate is for ${host}.` };
  return {
    state: 'fail',
    text: `The TLS certificate is not for ${host}, as publicUrl names this role.`,
    hint: 'Get a certificate for that name, or correct publicUrl.',
  };
}

/** Follows the issuers through the file, up to one that is trusted. */
function completeness(
  chain: readonly X509Certificate[],
  authorities: readonly string[],
): Omit<Finding, 'check'> {
  const trusted = authorities.map((pem) => new X509Certificate(pem));
  let at = chain[0];
  for (let step = 0; at !== undefined && step <= chain.length; step++) {
    const current = at;
    const root = trusted.find((one) => current.checkIssued(one) && current.verify(one.publicKey));
    if (root !== undefined || trusted.some((one) => one.fingerprint256 === current.fingerprint256))
      return { state: 'ok', text: 'The TLS certificate leads to an authority that is trusted.' };
    at = chain.find((one) => one !== current && current.checkIssued(one) && current.verify(one.publicKey));
  }
  return {
    state: 'fail',
    text: 'The TLS certificate does not lead to an authority that is trusted.',
    hint: "Append the CA's intermediate certificates to the file under tls.certificate, or name a CA of your own under tls.ca.",
  };
}
