import { join } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { LiveConfig } from '../shared/config/live-config.ts';
import { createEgress } from '../shared/egress/egress.ts';
import { messageOf } from '../shared/errors.ts';
import { loadNodeIdentity, type NodeIdentity } from '../shared/identity/node-identity.ts';
import { signSshKey, verifySshKey } from '../shared/identity/ssh-key-statement.ts';
import type { Logger } from '../shared/log.ts';
import type { ReloadableRole } from '../shared/role.ts';
import { loadSshKeyFile, type SshKeyFile } from '../shared/ssh/keys.ts';
import { lockDirectory } from '../shared/store/directory-lock.ts';
import type { IncomingStream, Tunnel } from '../shared/tunnel/tunnel.ts';
import { Uplink } from '../shared/tunnel/uplink.ts';
import { readVersion } from '../shared/version.ts';
import type { AgentConfig } from './config.ts';
import { Leftovers } from './leftovers/leftovers.ts';
import type { AgentMetricsParts, OpenMetrics } from './metrics/open-metrics.ts';
import { AgentTally } from './metrics/tally.ts';
import { loadEnrolment, PinnedBastion } from './setup/enrolment-file.ts';
import { sftpServerLine } from './sftp/server-line.ts';
import { findSystemTools } from './shell/launch.ts';
import { LoginRecords } from './shell/login-records.ts';
import { BuiltinServer } from './ssh/builtin-server.ts';
import { SshdRelay } from './tunnel/sshd-relay.ts';

/** Keys that may change while the agent runs (docs/install.md names them). */
const LIVE_KEYS = ['log.level', 'logins', 'forwarding', 'afterSession', 'pam'];

/** What the agent is given from outside. */
export interface AgentDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  /** Told to the bastion; that of this build when left out. */
  readonly version?: string;
}

/** How an agent serves the bastion's `ssh` streams, by its target. */
interface StreamServer {
  readonly openConnections: number;
  serve(incoming: IncomingStream): void | Promise<void>;
  close(sentence: string): void | Promise<void>;
}

/**
 * Starts the host's role: tunnels to the bastion, and on them either the builtin SSH server or the way to the host's
 * own. Nothing listens on the host, but for figures on loopback when the configuration asks for that.
 * @throws `identity.*`, `enrolment.*`, `ssh.*`, `egress.*`, `listen.*`, `store.locked`; then nothing is left running.
 */
export async function startAgent(
  config: AgentConfig,
  deps: AgentDependencies,
): Promise<ReloadableRole<AgentConfig>> {
  // Two agents with one identity would push each other out of the bastion for ever.
  const lock = await lockDirectory(config.dataDir);
  try {
    return await startLocked(config, deps, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startLocked(
  config: AgentConfig,
  deps: AgentDependencies,
  lock: { release(): Promise<void> },
): Promise<ReloadableRole<AgentConfig>> {
  const { clock, log } = deps;
  const identity = await loadNodeIdentity(config.dataDir);
  const enrolment = await loadEnrolment(config.dataDir);
  const { issuer, url } = enrolment;
  const bastion = new PinnedBastion(config.dataDir, enrolment, log);
  const hostKey = await loadSshKeyFile(join(config.dataDir, 'ssh_host_ed25519_key'));
  const live = new LiveConfig(config, LIVE_KEYS);
  const tally = new AgentTally();
  const version = deps.version ?? readVersion();
  const server = await streamServer(live, { id: identity.id, bastion, hostKey, tally }, deps);
  const egress = createEgress(config.egress, { extraCa: issuer.ca === undefined ? [] : [issuer.ca] });
  const uplink = new Uplink({
    url,
    identity,
    peer: bastion,
    egress,
    tunnels: config.tunnels,
    onTunnel: (tunnel) => {
      const about = { version, identity, hostKey: hostKey.publicLine, clock };
      sayHello(tunnel, live.now, bastion, about).catch((error: unknown) => {
        log.warn({ err: error }, `the bastion did not take the hello of this host: ${messageOf(error)}`);
      });
    },
    onStream: (incoming) => {
      if (incoming.request.kind === 'ssh') return server.serve(incoming);
      return incoming.refuse('stream.unknown_kind', 'This agent does not know what that stream is for.');
    },
    onChange: (index, status) => {
      const { state, problem } = status;
      tally.tunnelIs(index, state);
      const level = problem === undefined ? 'info' : 'warn';
      log[level]({ tunnel: index, state }, problem ?? `tunnel to ${issuer.name}: ${state}`);
    },
    clock,
    log,
  });

  const connections = () => server.openConnections;
  const metrics = await metricsOf({
    config,
    identity,
    version,
    uplink,
    connections,
    tally,
    clock,
    log,
  });

  let resolveStopped: (reason: string) => void = () => undefined;
  const stopped = new Promise<string>((resolve) => {
    resolveStopped = resolve;
  });
  let stopping: Promise<void> | undefined;
  const stop = async (reason: string): Promise<void> => {
    // The bastion first, so that it knows why sessions end; then those, whose clients hear why; last what carries that.
    uplink.leave();
    await server.close('The agent on this host is being stopped.');
    await uplink.stop('agent.stopping', 'The agent is being stopped.');
    await metrics?.close();
    await lock.release();
    resolveStopped(reason);
  };
  uplink.start();
  return {
    addresses: { bastion: url, ...(metrics?.url === undefined ? {} : { metrics: metrics.url }) },
    async reload(next) {
      const reloaded = live.take(next);
      log.level = live.now.log.level;
      return reloaded;
    },
    stop(reason) {
      stopping ??= stop(reason);
      return stopping;
    },
    stopped,
  };
}

/** Only an agent that tells its figures spends the memory for that. */
async function metricsOf(parts: AgentMetricsParts): Promise<OpenMetrics | undefined> {
  const { listen, push } = parts.config.metrics;
  if (listen === undefined && push === undefined) return undefined;
  const { openMetrics } = await import('./metrics/open-metrics.ts');
  return openMetrics(parts);
}

async function streamServer(
  live: LiveConfig<AgentConfig>,
  parts: { id: string; bastion: PinnedBastion; hostKey: SshKeyFile; tally: AgentTally },
  { clock, log }: AgentDependencies,
): Promise<StreamServer> {
  const { id, bastion, hostKey, tally } = parts;
  const config = live.now;
  if (config.target === 'sshd') return new SshdRelay(config.sshd, clock);
  const leftovers = new Leftovers({ owner: id, ends: () => live.now.afterSession === 'end', clock, log });
  await leftovers.endThoseBefore();
  const builtin = new BuiltinServer({
    hostKey: hostKey.privateKey,
    bastionKey: () => bastion.clientKey,
    logins: () => live.now.logins,
    forwarding: () => live.now.forwarding,
    tools: findSystemTools(),
    sftpServer: sftpServerLine(),
    leftovers,
    pam: () => live.now.pam,
    records: new LoginRecords(clock, log),
    onRefused: (reason) => tally.loginRefused(reason),
    clock,
    log,
  });
  return {
    get openConnections() {
      return builtin.openConnections;
    },
    serve: (incoming) => builtin.serve(incoming.accept()),
    close: (sentence) => builtin.close(sentence),
  };
}

async function sayHello(
  tunnel: Tunnel,
  config: AgentConfig,
  bastion: PinnedBastion,
  about: { version: string; identity: NodeIdentity; hostKey: string; clock: Clock },
): Promise<void> {
  const { version, identity, hostKey, clock } = about;
  const { stream, reply } = tunnel.open({
    v: 1,
    kind: 'hello',
    version,
    platform: `${process.platform} ${process.arch}`,
    target: config.target,
    hostKey: await signSshKey(identity, { audience: bastion.id, use: 'host', key: hostKey }, clock),
    ...(config.logins === undefined ? {} : { logins: config.logins }),
  });
  // The stream is only its preface; how it ends says nothing that the reply does not.
  stream.on('error', () => undefined);
  stream.resume();
  stream.end();
  const { clientKey } = await reply;
  // A bastion of an older version says nothing of its key.
  if (typeof clientKey !== 'string') return;
  const expected = { issuer: bastion, audience: identity.id, use: 'client', clock } as const;
  await bastion.pinClientKey(await verifySshKey(clientKey, expected));
}
