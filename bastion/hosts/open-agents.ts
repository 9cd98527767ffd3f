import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import { TunnelAcceptor } from '../../shared/tunnel/acceptor.ts';
import type { RefusalLog } from '../admission/refusal-log.ts';
import { AgentConnections } from './agent-connections.ts';
import { AgentEnrolment } from './agent-enrolment.ts';
import type { AgentStore } from './agent-store.ts';
import type { HostDirectory } from './host-directory.ts';
import { PresenceLog } from './presence-log.ts';

/** How agents come to be hosts: by a token once, and by their tunnels from then on. */
export interface Agents {
  readonly enrolment: AgentEnrolment;
  /** Takes their tunnels from the web server. Whoever opened it closes it. */
  readonly acceptor: TunnelAcceptor;
}

/** Puts it together; nothing comes in before the web server hands it over. */
export function openAgents(parts: {
  readonly identity: NodeIdentity;
  readonly store: AgentStore;
  readonly hosts: HostDirectory;
  readonly audit: AuditSink;
  readonly refusals: RefusalLog;
  /** The key by which the bastion signs in on hosts, one line. */
  readonly sshClientKey: string;
  readonly publicUrl: string;
  readonly clock: Clock;
  readonly log: Logger;
}): Agents {
  const { identity, store, hosts: directory, audit, refusals, sshClientKey, publicUrl, clock, log } = parts;
  const enrolment = new AgentEnrolment({
    ...{ identity, store, directory, audit, refusals, sshClientKey, publicUrl, clock, log },
  });
  const agents = new AgentConnections({
    ...{ store, directory, refusals, log },
    presence: new PresenceLog(audit, clock),
    sshKeys: { identity, clientKey: sshClientKey, clock },
  });
  const acceptor = new TunnelAcceptor({
    identity,
    findPeer: (id) => agents.findPeer(id),
    onTunnel: (tunnel, peer, from) => agents.onTunnel(tunnel, peer, from),
    onStream: (incoming, tunnel, peer) => agents.onStream(incoming, tunnel, peer),
    onRefused: (event) => void agents.onRefused(event),
    onDuplicate: (duplicate) => void agents.onDuplicate(duplicate),
    onSuccession: (peer, keys) => agents.onSuccession(peer, keys),
    clock,
    log,
  });
  return { enrolment, acceptor };
}
