import { isIP, isIPv6 } from 'node:net';
import { type AcmeChoice, acmeFault } from '../acme/template.ts';
import { DrawbridgeError } from '../errors.ts';

/** Where a role is to be, as its `init` was told. */
export interface PlaceOptions {
  readonly host?: string;
  readonly httpsPort: number;
  readonly publicHost?: string;
  readonly acme?: AcmeChoice;
}

/** Where a role that is set up listens, and how others reach it. */
export interface Place {
  readonly listenHost: string;
  readonly publicHost: string;
  readonly publicUrl: string;
  readonly certificateHosts: readonly string[];
}

/** Works out a place from what was told. @throws `init.invalid_acme`, `init.invalid_host` */
export function placeOf(options: PlaceOptions): Place {
  const listenHost = options.host ?? '0.0.0.0';
  const anywhere = listenHost === '0.0.0.0' || listenHost === '::';
  const publicHost = options.publicHost ?? (anywhere ? 'localhost' : listenHost);
  const inUrl = isIPv6(publicHost) ? `[${publicHost}]` : publicHost;
  const port = options.httpsPort === 443 ? '' : `:${options.httpsPort}`;
  const url = `https://${inUrl}${port}`;
  const acmeProblem = options.acme === undefined ? undefined : acmeFault(options.acme);
  if (acmeProblem !== undefined || (options.acme !== undefined && !isDnsName(publicHost))) {
    throw new DrawbridgeError(
      'init.invalid_acme',
      acmeProblem === undefined
        ? `There can be no certificate by ACME for ${publicHost}.`
        : `ACME can't be set up like this: ${acmeProblem}.`,
      { hint: 'Give an e-mail address, and with --public-host a DNS name that leads to this machine.' },
    );
  }
  if (!URL.canParse(url) || (isIP(publicHost) === 0 && !/^[A-Za-z0-9.-]+$/.test(publicHost))) {
    throw new DrawbridgeError(
      'init.invalid_host',
      `"${publicHost}" is neither a DNS name nor an IP address.`,
      {
        hint: 'Give the name alone, without https:// and without a port.',
      },
    );
  }
  const certificateHosts = [...new Set([publicHost, 'localhost', '127.0.0.1', '::1'])];
  return { listenHost, publicHost, publicUrl: url, certificateHosts };
}

function isDnsName(host: string): boolean {
  return isIP(host) === 0 && host.includes('.');
}
