import type { ProxyConfig } from './config.ts';

/** How the proxy calls itself towards operators. */
export interface PublicPlace {
  readonly url: string;
  readonly sshHost: string;
  readonly sshPort: number;
  readonly sshHostKey: string;
}

/** How others reach the proxy. A port 0 in the configuration stands for whichever one was free. */
export function publicPlace(
  config: ProxyConfig,
  bound: { readonly https: number; readonly ssh: number },
  sshHostKey: string,
): PublicPlace {
  const url = new URL(config.publicUrl);
  if (url.port === '0') url.port = String(bound.https);
  return {
    url: url.origin,
    sshHost: config.ssh.publicHost ?? url.hostname.replace(/^\[(.*)\]$/, '$1'),
    sshPort: config.ssh.publicPort ?? bound.ssh,
    sshHostKey,
  };
}

/** The line to paste that reaches a host through the proxy. */
export function jumpLine(place: PublicPlace): string {
  const port = place.sshPort === 22 ? '' : `:${place.sshPort}`;
  return `ssh -J ${hostInUrl(place.sshHost)}${port} LOGIN@HOST.BASTION`;
}

/** A host as it stands in addresses: IPv6 in brackets. */
export function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
