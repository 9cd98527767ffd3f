import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import type { Egress } from '../../shared/egress/egress.ts';
import { connectTls } from '../../shared/egress/tls-connect.ts';
import { type Check, check, type Finding } from './finding.ts';

const TIMEOUT_MS = 15_000;
/** Shorter than any authority's habit of renewing: below it nobody seems to see to it. */
const WARN_DAYS = 14;
const DAY_MS = 24 * 3600 * 1000;
/** No honest chain is longer. */
const CHAIN_MAX = 10;
const HTTPS_PORT = 443;
const ONE_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Who issued the certificate that is shown here, and until when it is good. One of the authorities of `egress.caBundle`
 * shows that a box in between opens TLS: it is named.
 */
export function certificateShown(egress: Egress, url: URL, inspectors: readonly string[]): Check {
  return check('issuer', async (signal) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? HTTPS_PORT : Number(url.port);
    const socket = await connectTls(egress, { host, port }, { timeoutMs: TIMEOUT_MS, signal });
    try {
      const chain = chainOf(socket.getPeerCertificate(true));
      const issuer = nameIn(chain[0]?.issuer);
      const protocol = socket.getProtocol() ?? 'TLS';
      return [
        issuedBy(url.host, protocol, issuer, isOneOf(chain, inspectors)),
        ...(chain[0] === undefined ? [] : [expiryOf(chain[0], url.host)]),
      ];
    } finally {
      socket.destroy();
    }
  });
}

function issuedBy(
  host: string,
  protocol: string,
  issuer: string,
  inspected: boolean,
): Omit<Finding, 'check'> {
  if (!inspected)
    return { state: 'ok', text: `${protocol}; the certificate of ${host} was issued by '${issuer}'.` };
  return {
    state: 'warn',
    text: `${protocol} to ${host} is opened on the way: its certificate was issued by '${issuer}', an authority of egress.caBundle.`,
    hint: 'Tunnels pass it, since both ends prove keys of their own. It sees who talks to whom, and no content of sessions.',
  };
}

function expiryOf(own: DetailedPeerCertificate, host: string): Omit<Finding, 'check'> {
  const days = Math.floor((Date.parse(own.valid_to) - Date.now()) / DAY_MS);
  if (days >= WARN_DAYS) return { state: 'ok', text: `It is good for ${days} more days.` };
  return {
    state: 'warn',
    text: `The certificate of ${host} ends in ${days} days.`,
    hint: 'Tell whoever runs the other end: it has to be renewed there.',
  };
}

/** The certificate, its issuer, the issuer of that, up to the root. */
function chainOf(first: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (let at: DetailedPeerCertificate | undefined = first; at?.fingerprint256 !== undefined; ) {
    chain.push(at);
    if (chain.length >= CHAIN_MAX || at.issuerCertificate?.fingerprint256 === at.fingerprint256) break;
    at = at.issuerCertificate;
  }
  return chain;
}

function isOneOf(chain: readonly DetailedPeerCertificate[], authorities: readonly string[]): boolean {
  const known = new Set(
    authorities
      .flatMap((pem) => pem.match(ONE_CERTIFICATE) ?? [])
      .map((pem) => new X509Certificate(pem).fingerprint256),
  );
  return chain.some((one) => known.has(one.fingerprint256));
}

function nameIn(name: DetailedPeerCertificate['issuer'] | undefined): string {
  const first = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
  const found = [first(name?.O), first(name?.CN)].filter((text) => text !== undefined);
  return found.length === 0 ? 'nobody' : [...new Set(found)].join(', ');
}
