import type { Clock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import type { Admission } from '../admission/admission.ts';
import type { EvidenceHealth } from '../admission/evidence-health.ts';
import { WITHDRAWN_KIND, Withdrawals } from '../admission/withdrawals.ts';
import type { BastionConfig } from '../config.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
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
  registry: SessionRegistry;
  operatorsCut: () => Promise<void>;
  onConnected: () => void;
}): GatedUplink {
  const { config, deps, identity, proxy, audit } = parts;
  const { ca } = proxy.issuer;
  const withdrawals = new Withdrawals({ proxy: proxy.name, registry: parts.registry });
  return new GatedUplink({
    identity,
    proxy,
    sshHostKey: parts.sshHostKey,
    egress: createEgress(config.egress, ca === undefined ? {} : { extraCa: [ca] }),
    tunnels: config.proxy.tunnels,
    keepWhenOff: config.keepTunnelWhenOff,
    onStream: (incoming) =>
      incoming.request.kind === WITHDRAWN_KIND
        ? withdrawals.handle(incoming)
        : parts.admission().handle(incoming),
    operatorsCut: parts.operatorsCut,
    onConnected: parts.onConnected,
    audit,
    clock: deps.clock,
    log: deps.log,
  });
}
