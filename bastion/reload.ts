import type { AuditSink } from '../shared/audit/event.ts';
import { LiveConfig, type Reloaded } from '../shared/config/live-config.ts';
import type { Logger } from '../shared/log.ts';
import type { ServedCertificate } from '../shared/tls/served-certificate.ts';
import type { BastionConfig } from './config.ts';
import type { HostDirectory } from './hosts/host-directory.ts';
import type { SessionRegistry } from './sessions/session-registry.ts';

/** Keys that may change while the bastion runs (docs/install.md names them). */
const LIVE_KEYS = ['log.level', 'hosts'];

/**
 * What takes over a configuration that was read anew. Sessions go on, but for those on hosts without an agent that are
 * gone from the file or lie elsewhere now.
 */
export function reloadOf(parts: {
  readonly config: BastionConfig;
  readonly hosts: HostDirectory;
  readonly registry: Pick<SessionRegistry, 'endOnHost'>;
  readonly served: Pick<ServedCertificate, 'look'>;
  readonly audit: AuditSink;
  readonly log: Logger;
}): (next: BastionConfig) => Promise<Reloaded> {
  const { hosts, registry, served, audit, log } = parts;
  const live = new LiveConfig(parts.config, LIVE_KEYS);
  return async (next) => {
    const { taken } = live.compare(next);
    if (taken.length > 0) await audit.append({ type: 'config.reloaded', actor: 'system', keys: taken });
    const reloaded = live.take(next);
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
