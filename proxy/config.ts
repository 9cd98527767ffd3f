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
import { userCertificatesSection } from './certificates/config.ts';
import { providersSection } from './providers/config.ts';

const MINUTE_MS = 60_000;
const LOGIN_LIFETIME_MAX_MS = LOGIN_LIFETIME_MAX_S * 1000;
const DRAIN_DEFAULT = '5s';

/** Schema of `proxy.yaml`. */
export const proxyConfigSchema = z.strictObject({
  ...commonFields('proxy'),
  /** Where bastions dial and operators log in. */
  https: listenAddress,
  /** The same as others reach it. */
  publicUrl: httpsUrl,
  /** Where `ssh -J` goes. `publicHost` and `publicPort` are how others reach it, when that differs. */
  ssh: z.strictObject({
    ...listenAddress.shape,
    publicHost: hostName.exactOptional(),
    publicPort: port.exactOptional(),
  }),
  tls: tlsSection,
  /** Identity providers that operators may sign in with. */
  providers: providersSection,
  /** How to reach them. */
  egress: egressSection,
  logins: z
    .strictObject({
      /** How long the key of a login lives. */
      lifetime: durationBetween(MINUTE_MS, LOGIN_LIFETIME_MAX_MS, '1m to 8h').prefault('8h'),
    })
    .prefault({}),
  /** OpenSSH user certificates at the SSH port; not given: none is accepted. */
  userCertificates: userCertificatesSection.exactOptional(),
  /** How long live sessions may go on when the proxy stops. */
  drain: durationBetween(0, 60 * MINUTE_MS, '0s to 60m').prefault(DRAIN_DEFAULT),
});

/** What `proxy.yaml` says; durations in milliseconds, paths absolute. */
export type ProxyConfig = Resolved<z.infer<typeof proxyConfigSchema>>;

/** Reads `proxy.yaml`. @throws `config.missing`, `config.unreadable`, `config.invalid` with every fault. */
export function loadProxyConfig(path: string): Promise<ProxyConfig> {
  return loadConfig(path, proxyConfigSchema, { role: 'proxy' });
}
