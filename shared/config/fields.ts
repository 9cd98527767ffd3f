import { isIP } from 'node:net';
import { z } from 'zod';
import { acmeSection } from '../acme/config.ts';
import { DrawbridgeError } from '../errors.ts';
import { isNodeName } from '../identity/node-identity.ts';
import { LOG_LEVELS } from '../log.ts';
import { parseByteSize } from './byte-size.ts';
import { ConfigPath } from './config-path.ts';
import { parseDurationMs } from './duration.ts';

export { parseByteSize } from './byte-size.ts';
export { parseDurationMs } from './duration.ts';

/**
 * Pieces that the config files of the roles are put together from. Sections are strict objects: a key that is not
 * known is a fault, since a misspelt key would otherwise leave a default in force without a word.
 */

/** `30s`, `8h`, … as milliseconds. */
export const durationMs = z
  .string('must be a duration with a unit, such as 30s or 8h')
  .meta({ title: 'duration' })
  .transform((text, context) => parsed(() => parseDurationMs(text), context));

/** A duration within bounds, both of which are allowed. `bounds` is how to say them: `1s to 24h`. */
export function durationBetween(minMs: number, maxMs: number, bounds: string) {
  return durationMs
    .refine((ms) => ms >= minMs && ms <= maxMs, `must be from ${bounds}`)
    .meta({ title: `duration, ${bounds}` });
}

/** `16 MiB`, … as a number of bytes. */
export const byteSize = z
  .string('must be a size with a unit, such as 16 MiB')
  .meta({ title: 'size with its unit, such as 16 MiB' })
  .transform((text, context) => parsed(() => parseByteSize(text), context));

/** A TCP port to dial. */
export const port = z
  .int('must be a port number, 1 to 65535')
  .min(1)
  .max(65_535)
  .meta({ title: 'port, 1 to 65535' });

/** A DNS name or IP address. */
export const hostName = z
  .string()
  .refine(isHostName, 'must be a DNS name or an IP address without a port')
  .meta({ title: 'DNS name or IP address' });

/** Where to listen. Port 0 takes any free one. */
export const listenAddress = z.strictObject({
  host: hostName.default('0.0.0.0').describe('Address of this machine to listen on; `0.0.0.0`: all of them.'),
  port: z
    .int('must be a port number, 0 to 65535')
    .min(0)
    .max(65_535)
    .meta({ title: 'port, 0 to 65535' })
    .describe('Port to listen on; 0 takes any free one.'),
});

/** Where to dial. */
export const dialAddress = z.strictObject({
  host: hostName.describe('Name or address to connect to.'),
  port: port.describe('Port to connect to.'),
});

/** A file or directory. Relative ones start from the folder of the config file; `loadConfig` makes them absolute. */
export const filePath = z
  .string()
  .min(1, 'must name a file or directory')
  .refine((path) => !path.includes('\0'), 'must not hold a NUL character')
  .meta({ title: 'path' })
  .transform((path) => new ConfigPath(path));

/** The public address of a role: `https://name[:port]`, nothing behind it. */
export const httpsUrl = z
  .string()
  .meta({ title: 'https address' })
  .transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const bare =
      url?.pathname === '/' &&
      url.search === '' &&
      url.hash === '' &&
      url.username === '' &&
      url.password === '';
    if (url?.protocol === 'https:' && bare) return url.origin;
    context.addIssue('must be an address such as https://bastion.example.com:8443, with nothing behind it');
    return z.NEVER;
  });

/** Name of a proxy, bastion or host. */
export const nodeName = z
  .string()
  .refine(isNodeName, 'must be 1 to 63 letters, digits, dots, underscores and hyphens')
  .meta({ title: 'name' });

/** Labels of a host: `environment: production`. */
export const labels = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'must be 1 to 63 letters, digits and . _ / -'),
    z.string().max(256),
  )
  .meta({ title: 'names with values' });

/** `log:` */
export const logSection = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default('info')
      .describe('The least that is logged. `drawbridge … log-level` changes it while the role runs.'),
    format: z
      .enum(['auto', 'pretty', 'json'])
      .default('auto')
      .describe('`json` for machines, `pretty` for people, `auto`: pretty on a terminal, else json.'),
  })
  .prefault({})
  .describe('What is written to standard error. Secrets never are.');

/** `egress:` — how connections go out: through an HTTP proxy, past which hosts, trusting which CAs besides. */
export const egressSection = z
  .strictObject({
    proxy: z
      .string()
      .refine(isHttpProxyUrl, 'must be an address such as http://user:password@proxy.example.com:3128')
      .exactOptional()
      .meta({ title: 'http or https address, with user and password if need be' })
      .describe(
        'Outbound HTTP proxy (CONNECT). Without it `https_proxy`, `http_proxy` and `all_proxy` of the environment count.',
      ),
    noProxy: z
      .union([z.string(), z.array(z.string())], 'must be a list of hosts')
      .transform((hosts) => (typeof hosts === 'string' ? hosts : hosts.join(',')))
      .exactOptional()
      .meta({ title: 'list of hosts' })
      .describe('Hosts that are reached past the proxy. Without it `no_proxy` of the environment counts.'),
    caBundle: filePath
      .exactOptional()
      .describe('PEM file with further authorities to trust, such as the one of a TLS-inspecting firewall.'),
  })
  .prefault({})
  .describe('How connections go out.');

/**
 * `tls:` — certificate with its chain, its key without a password, and the CA's certificate if it is a private one.
 * With `acme`, these are served until the first certificate is got by it.
 */
export const tlsSection = z
  .strictObject({
    certificate: filePath.describe(
      'PEM file: the certificate of this role, then those of the CA that lead to a root.',
    ),
    key: filePath.describe('PEM file: its private key, without a password.'),
    ca: filePath
      .exactOptional()
      .describe('PEM file: the root, when it is a private CA. Those who join are told to trust it.'),
    acme: acmeSection.exactOptional(),
  })
  .describe('The TLS certificate that this role shows.');

/** What every config file begins with. */
export function commonFields<R extends 'proxy' | 'bastion' | 'agent'>(role: R) {
  return {
    role: z.literal(role).describe('Whose configuration this is.'),
    name: nodeName.describe('How this role is called by others.'),
    dataDir: filePath.describe(
      'Folder for keys, databases and the control socket. A relative path begins at the folder of this file.',
    ),
    log: logSection,
  };
}

function parsed<T>(parse: () => T, context: z.RefinementCtx): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof DrawbridgeError)) throw error;
    context.addIssue(error.hint === undefined ? error.message : `${error.message} ${error.hint}`);
    return z.NEVER;
  }
}

function isHostName(text: string): boolean {
  if (isIP(text) !== 0) return true;
  return (
    text.length <= 253 &&
    text.split('.').every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  );
}

function isHttpProxyUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}
