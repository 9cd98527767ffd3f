import type { Clock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import type { Admission } from '../admission/admission.ts';
import type { EvidenceHealth } from '../admission/evidence-health.ts';
import type { BastionConfig } from '../config.ts';
import { GatedUplink } from './gated-uplink.ts';
import type { PinnedProxy } from './pinned-proxy.ts';

/** What dials the proxy while the gate says so. */
export function openUplink(parts: {
  config: BastionConfig;
  deps: { readonly clock: Clock; readonly log: Logger };
  identity: NodeIdentity;
  proxy: PinnedProxy;
  sshHostKey: string;
  audit: EvidenceHealth;
  admission: () => Admission;
  operatorsCut: () => Promise<void>;
  onConnected: () => void;
}): GatedUplink {
  const { config, deps, identity, proxy, audit } = parts;
  const { ca } = proxy.issuer;
  return new GatedUplink({
    identity,
    proxy,
    sshHostKey: parts.sshHostKey,
    egress: createEgress(config.egress, ca === undefined ? {} : { extraCa: [ca] }),
    tunnels: config.proxy.tunnels,
    keepWhenOff: config.keepTunnelWhenOff,
    onStream: (incoming) => parts.admission().handle(incoming),
    operatorsCut: parts.operatorsCut,
    onConnected: parts.onConnected,
    audit,
    clock: deps.clock,
    log: deps.log,
  });
}
