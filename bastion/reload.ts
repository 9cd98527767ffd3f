import type { AuditSink } from '../shared/audit/event.ts';
import { LiveConfig, type Reloaded } from '../shared/config/live-config.ts';
import type { Logger } from '../shared/log.ts';
import type { ServedCertificate } from '../shared/tls/served-certificate.ts';
import type { BastionConfig } from './config.ts';
import type { HostDirectory } from './hosts/host-directory.ts';
import { NO_LONGER_TRUSTED } from './sessions/session.ts';
import type { SessionRegistry } from './sessions/session-registry.ts';
import { assertSomebodyTrusted, type PassCheck } from './trust/pass-check.ts';
import type { GatedUplink } from './uplink/gated-uplink.ts';
import type { PinnedProxy } from './uplink/pinned-proxy.ts';

/** Keys that may change while the bastion runs (docs/install.md names them). */
const LIVE_KEYS = ['log.level', 'hosts', 'trust', 'idp'];

/**
 * What takes over a configuration that was read anew. Sessions go on, but for those on hosts without an agent that are
 * gone from the file or lie elsewhere now, and those whose operators somebody vouched for who is no longer trusted: an
 * identity provider that is gone from the file, or the proxy whose enrolment is gone.
 */
export function reloadOf(parts: {
  readonly config: BastionConfig;
  readonly hosts: HostDirectory;
  readonly registry: Pick<SessionRegistry, 'endOnHost' | 'endWhere'>;
  readonly passes: PassCheck;
  readonly proxy: PinnedProxy | undefined;
  readonly uplink: Pick<GatedUplink, 'leave'> | undefined;
  readonly served: Pick<ServedCertificate, 'look'>;
  readonly audit: AuditSink;
  readonly log: Logger;
}): (next: BastionConfig) => Promise<Reloaded> {
  const { hosts, registry, passes, proxy, uplink, served, audit, log } = parts;
  const live = new LiveConfig(parts.config, LIVE_KEYS);
  return async (next) => {
    const settings = { trust: next.trust, providers: next.idp };
    assertSomebodyTrusted(settings);
    await proxy?.look();
    // Cut first: whatever is wrong with disk or log or with a new provider's keys, who is not trusted any more is gone.
    passes.narrow(settings);
    registry.endWhere(({ vouchedBy }) => !passes.stillTrusts(vouchedBy, settings), NO_LONGER_TRUSTED);
    if (proxy?.joined === false) uplink?.leave();
    const trust = await passes.prepare(settings);
    const { taken } = live.compare(next);
    if (taken.length > 0) await audit.append({ type: 'config.reloaded', actor: 'system', keys: taken });
    const reloaded = live.take(next);
    passes.take(trust);
    log.level = live.now.log.level;
    for (const name of hosts.setDirect(live.now.hosts)) {
      registry.endOnHost(name, {
        code: 'host.changed',
        message: `The host ${name} was changed in the bastion's configuration.`,
      });
    }
    await served.look();
    return reloaded;
  };
}
