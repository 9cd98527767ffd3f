import { z } from 'zod';
import { loadConfig } from '../shared/config/config.ts';
import type { Resolved } from '../shared/config/config-path.ts';
import {
  commonFields,
  durationBetween,
  egressSection,
  hostName,
  httpsUrl,
  listenAddress,
  port,
  tlsSection,
} from '../shared/config/fields.ts';
import { LOGIN_LIFETIME_MAX_S } from '../shared/identity/claims.ts';
import { metricsSection } from '../shared/metrics/config.ts';
import { userCertificatesSection } from './certificates/config.ts';
import { providersSection } from './providers/config.ts';

const MINUTE_MS = 60_000;
const LOGIN_LIFETIME_MAX_MS = LOGIN_LIFETIME_MAX_S * 1000;
const DRAIN_DEFAULT = '5s';

/** Schema of `proxy.yaml`. */
export const proxyConfigSchema = z.strictObject({
  ...commonFields('proxy'),
  https: listenAddress.describe('Where bastions dial, operators log in, and sessions over wss come in.'),
  publicUrl: httpsUrl.describe('The same, as bastions and operators reach it.'),
  ssh: z
    .strictObject({
      ...listenAddress.shape,
      publicHost: hostName
        .exactOptional()
        .describe('Name under which operators reach it; the one of `publicUrl` if left out.'),
      publicPort: port
        .exactOptional()
        .describe('Port on which operators reach it, when that is another one.'),
    })
    .describe('Where `ssh -J` goes.'),
  tls: tlsSection,
  providers: providersSection,
  egress: egressSection,
  logins: z
    .strictObject({
      lifetime: durationBetween(MINUTE_MS, LOGIN_LIFETIME_MAX_MS, '1m to 8h')
        .prefault('8h')
        .describe('How long the key of a login lives at most.'),
    })
    .prefault({})
    .describe('Logins of operators.'),
  metrics: metricsSection,
  userCertificates: userCertificatesSection.exactOptional(),
  drain: durationBetween(0, 60 * MINUTE_MS, '0s to 60m')
    .prefault(DRAIN_DEFAULT)
    .describe('How long live sessions may go on when the proxy stops.'),
});

/** What `proxy.yaml` says; durations in milliseconds, paths absolute. */
export type ProxyConfig = Resolved<z.infer<typeof proxyConfigSchema>>;

/** Reads `proxy.yaml`. @throws `config.missing`, `config.unreadable`, `config.invalid` with every fault. */
export function loadProxyConfig(path: string): Promise<ProxyConfig> {
  return loadConfig(path, proxyConfigSchema, { role: 'proxy' });
}
