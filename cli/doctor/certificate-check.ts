import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { certificatesIn, daysLeft, EXPIRY_WARNING_DAYS, leadsToAuthority } from '../../shared/tls/chain.ts';
import { loadServerTls } from '../../shared/tls/server-tls.ts';
import { type Check, check, type Finding } from './finding.ts';

/** The certificate that a role serves: readable, fitting its key and name, complete, and not about to end. */
export function serverCertificate(
  files: { readonly certificate: string; readonly key: string; readonly ca?: string },
  publicUrl: string,
): Check {
  return check('certificate', async () => {
    const { cert } = await loadServerTls(files);
    const chain = certificatesIn(cert);
    const [own] = chain;
    if (own === undefined) return [];
    const authorities = files.ca === undefined ? rootCertificates : [await readFile(files.ca, 'utf8')];
    return [expiry(own), nameOf(own, new URL(publicUrl).hostname), completeness(chain, authorities)];
  });
}

function expiry(own: X509Certificate): Omit<Finding, 'check'> {
  const days = daysLeft(own, Date.now());
  if (days >= EXPIRY_WARNING_DAYS)
    return { state: 'ok', text: `The TLS certificate is good for ${days} more days.` };
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

function completeness(
  chain: readonly X509Certificate[],
  authorities: readonly string[],
): Omit<Finding, 'check'> {
  if (leadsToAuthority(chain, authorities.flatMap(certificatesIn)))
    return { state: 'ok', text: 'The TLS certificate leads to an authority that is trusted.' };
  return {
    state: 'fail',
    text: 'The TLS certificate does not lead to an authority that is trusted.',
    hint: "Append the CA's intermediate certificates to the file under tls.certificate, or name a CA of your own under tls.ca.",
  };
}
