import { X509Certificate } from 'node:crypto';
import { type PublicJwk, thumbprintOf } from '../../shared/identity/keys.ts';
import type { ProviderStanding } from '../admins/provider/provider-sign-in.ts';
import { type BastionConfig, bastionPaths } from '../config.ts';
import type { ProxyEnrolment } from '../setup/enrolment-file.ts';
import type { Settings } from './api.ts';

/** What the settings are made of. Secrets are not among them: addresses lose their query, and files stay names. */
export interface SettingsParts {
  readonly config: BastionConfig;
  readonly publicJwk: PublicJwk;
  /** Fingerprints as OpenSSH writes them. */
  readonly ssh: { readonly host: string; readonly client: string };
  /** PEM. */
  readonly certificate: string;
  readonly proxy: ProxyEnrolment | undefined;
  /** Undefined where administrators sign in here alone. */
  readonly directory: ProviderStanding | undefined;
}

/** How the bastion is set up, for people to read and compare. */
export function settingsOf(parts: SettingsParts): Settings {
  const { config, publicJwk, ssh, certificate, proxy } = parts;
  const { keepFor, keepBytes, compress, compressAfter } = config.recordings;
  return {
    publicUrl: config.publicUrl,
    dataDir: config.dataDir,
    keys: {
      bastion: thumbprintOf(publicJwk),
      sshHostKey: ssh.host,
      sshClientKey: ssh.client,
      certificate: new X509Certificate(certificate).fingerprint256,
    },
    ...(proxy === undefined
      ? {}
      : {
          proxy: {
            name: proxy.issuer.name,
            id: proxy.issuer.id,
            address: proxy.url,
            key: thumbprintOf(proxy.issuer.publicJwk),
          },
        }),
    trust: {
      mode: config.trust,
      providers: config.idp.map(({ issuer, clientId }) => ({ issuer, clientId })),
    },
    ...directoryOf(parts),
    recordings: {
      directory: bastionPaths(config).recordings,
      ...(keepFor === undefined ? {} : { keepForMs: keepFor }),
      ...(keepBytes === undefined ? {} : { keepBytes }),
      ...(compress ? { compressAfterMs: compressAfter } : {}),
    },
    shipping: config.ship.map((target) => ({ name: target.name, kind: target.kind, to: placeOf(target) })),
    keepTunnelWhenOff: config.keepTunnelWhenOff,
  };
}

function directoryOf({ config, directory }: SettingsParts): Pick<Settings, 'directory'> {
  const { provider } = config.admins;
  if (provider === undefined || directory === undefined) return {};
  const { name, title = name, issuer, clientId, roles, requireAmr, signInFor } = provider;
  return {
    directory: {
      ...{ title, name, issuer, clientId, roles, signInForMs: signInFor },
      ...(requireAmr === undefined ? {} : { requireAmr }),
      ...directory,
    },
  };
}

/** A receiver's address may carry a token in its query. */
function placeOf(target: BastionConfig['ship'][number]): string {
  switch (target.kind) {
    case 'syslog':
      return typeof target.address === 'string'
        ? target.address
        : `${target.address.host}:${target.address.port}`;
    case 'file':
      return target.path;
    default: {
      const { origin, pathname } = new URL(target.url);
      return origin + pathname;
    }
  }
}
