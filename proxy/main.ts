import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditLog } from '../shared/audit/log.ts';
import type { Clock } from '../shared/clock.ts';
import { LiveConfig, type Reloaded } from '../shared/config/live-config.ts';
import { logLevelHandler } from '../shared/control/log-level-handler.ts';
import { reloadHandler } from '../shared/control/reload-handler.ts';
import { ControlServer } from '../shared/control/server.ts';
import { createEgress } from '../shared/egress/egress.ts';
import { loadNodeIdentity } from '../shared/identity/node-identity.ts';
import type { Logger } from '../shared/log.ts';
import { MetricsPush } from '../shared/metrics/push.ts';
import { openStreamsOf, RoleMetrics } from '../shared/metrics/role-metrics.ts';
import type { ReloadableRole } from '../shared/role.ts';
import { loadSshKeyFile } from '../shared/ssh/keys.ts';
import { listenSsh } from '../shared/ssh/listener.ts';
import { lockDirectory } from '../shared/store/directory-lock.ts';
import { openCertificate } from '../shared/tls/open-certificate.ts';
import { readCa } from '../shared/tls/read-ca.ts';
import { TunnelAcceptor } from '../shared/tunnel/acceptor.ts';
import { readVersion } from '../shared/version.ts';
import { Authenticators } from './accounts/authenticators.ts';
import { BrowserSignIn } from './accounts/browser-sign-in.ts';
import { openAccounts } from './accounts/open-accounts.ts';
import { Refusals } from './accounts/refusals.ts';
import { SecurityKeys } from './accounts/security-keys.ts';
import { ProxyAdministration } from './administration.ts';
import type { ProxyConfig } from './config.ts';
import { controlHandlers } from './control.ts';
import { Enrolments } from './enrolment/enrolment.ts';
import { hostInUrl, jumpLine, type PublicPlace, publicPlace } from './public-place.ts';
import { frontDoor } from './ssh/front-door.ts';
import { MemoryDirectory } from './store/directory.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import { Teardown } from './teardown.ts';
import { Admission } from './tunnels/admission.ts';
import { BastionTunnels } from './tunnels/bastion-tunnels.ts';
import { HostKeyChanges } from './tunnels/host-key-change.ts';
import { Relays } from './tunnels/relays.ts';
import { ProxyApi } from './web/api.ts';
import { addProxyFigures } from './web/metrics.ts';
import { createProxyWebServer } from './web/server.ts';
import { Upgrades } from './web/upgrades.ts';
import { openWitness } from './witness/open-witness.ts';

/** The audit log's head is signed so often, and when the proxy stops. */
const CHECKPOINT_PERIOD_MS = 3_600_000;

/** Keys that may change while the proxy runs (docs/install.md names them). */
const LIVE_KEYS = ['log.level', 'drain'];

/** What the proxy is given from outside. */
export interface ProxyDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Reads the configuration anew, for the control socket. */
  readonly reload?: () => Promise<Reloaded>;
}

/**
 * Starts the vendor's role: HTTPS for bastions and operators, SSH for `ssh -J`, and the control socket.
 * @throws `store.locked`, `identity.*`, `store.*`, `tls.*`, `ssh.*`, `listen.*`; then nothing is left running.
 */
export async function startProxy(config: ProxyConfig, deps: ProxyDeps): Promise<ReloadableRole<ProxyConfig>> {
  const teardown = new Teardown(deps.log);
  try {
    return await start(config, deps, teardown);
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(
  config: ProxyConfig,
  { clock, log, reload }: ProxyDeps,
  teardown: Teardown,
): Promise<ReloadableRole<ProxyConfig>> {
  const live = new LiveConfig(config, LIVE_KEYS);
  const { dataDir } = config;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(dataDir);
  teardown.add(() => lock.release());
  const identity = await loadNodeIdentity(dataDir);
  const certificate = await openCertificate({
    ...{ tls: config.tls, publicUrl: config.publicUrl, dataDir, egress: () => createEgress(config.egress) },
    ...{ clock, log },
  });
  teardown.add(() => certificate.close());
  const { served } = certificate;
  const ca = await readCa(config.tls.ca);
  const hostKey = await loadSshKeyFile(join(dataDir, 'ssh_host_ed25519_key'));
  const store = await openSqliteStore(dataDir);
  teardown.add(() => store.close());
  const audit = await AuditLog.open(dataDir, { identity, clock, log });
  teardown.add(() => audit.close());

  const metrics = new RoleMetrics({ role: 'proxy', version: readVersion() });
  teardown.add(() => metrics.close());
  metrics.countEvents(audit);
  metrics.watchCertificate(() => served.current.cert);
  const stopping = new AbortController();
  const directory = new MemoryDirectory();
  const relays = new Relays();
  const refusals = new Refusals(audit, clock);
  const accounts = await openAccounts({
    ...{ config, store, relays, refusals, audit, audience: identity.id, clock, log },
  });
  const { passwords, operators, limit, signIn, devices, logins, providers, tokens } = accounts;
  const { enrolments: enrolmentStore } = store;
  const enrolments = new Enrolments({ identity, store: enrolmentStore, refusals, audit, clock });
  const admission = new Admission({
    identity,
    operators,
    enrolments: enrolmentStore,
    directory,
    refusals,
    audit,
    clock,
    stopping: stopping.signal,
  });
  const witness = await openWitness({ dataDir, identity, audit, clock, log, teardown });
  const tunnels = new BastionTunnels({
    enrolments: enrolmentStore,
    directory,
    refusals,
    audit,
    witness,
    hostKeys: new HostKeyChanges({ enrolments: enrolmentStore, audit, audience: identity.id, clock, log }),
    clock,
    log,
  });
  teardown.add(() => tunnels.settled());
  const acceptor = new TunnelAcceptor({
    identity,
    findPeer: (id) => tunnels.findPeer(id),
    onTunnel: (tunnel, peer, from) => tunnels.connected(tunnel, peer, from.address),
    onStream: (incoming, _tunnel, peer) => tunnels.incoming(incoming, peer.id),
    onRefused: (event) => tunnels.refused(event),
    onDuplicate: (duplicate) => tunnels.duplicated(duplicate),
    onSuccession: (peer, keys) => tunnels.succeeded(peer, keys),
    clock,
    log,
  });
  teardown.add(() => acceptor.close());

  addProxyFigures(metrics, {
    tunnels: () => acceptor.tunnels.size,
    streams: () => openStreamsOf(acceptor.tunnels),
    relays: () => relays.count,
  });
  if (config.metrics.push !== undefined) {
    const push = MetricsPush.start({
      config: config.metrics.push,
      from: { ...metrics.about, id: identity.id, name: identity.name, startedAtMs: clock.nowMs() },
      text: () => metrics.text(),
      egress: createEgress(config.egress),
      clock,
      log,
    });
    teardown.add(() => push.stop());
  }

  const bound = { https: config.https.port, ssh: config.ssh.port };
  const place = (): PublicPlace => publicPlace(config, bound, hostKey.publicLine);
  const administration = new ProxyAdministration({
    identity,
    publicUrl: () => place().url,
    store,
    directory,
    relays,
    passwords,
    audit,
    witness,
    clock,
  });
  const publicUrl = (): string => place().url;
  const securityKeys = new SecurityKeys({
    store,
    publicUrl,
    proxyName: identity.name,
    limit,
    refusals,
    audit,
    clock,
  });
  const authenticators = new Authenticators({
    ...{ proxyName: identity.name, store, relays, refusals, audit, clock },
  });
  const browserSignIn = new BrowserSignIn({ securityKeys, logins, refusals, publicUrl, clock });
  const web = await createProxyWebServer({
    signIn: { browserSignIn, securityKeys, authenticators, factors: administration.factors, tokens, clock },
    api: new ProxyApi({
      identity,
      ca,
      place,
      store,
      directory,
      logins,
      providers,
      devices,
      tokens,
      enrolments,
      admission,
      stopping: stopping.signal,
      clock,
    }),
    metrics,
    upgrades: new Upgrades({ acceptor, tokens, admission, relays, stopping: stopping.signal, clock, log }),
    tls: served.current,
    clock,
    log,
  });
  served.onChange((tls) => web.useCertificate(tls));
  teardown.add(() => web.close());
  bound.https = await web.listen(config.https.host, config.https.port);

  const ssh = await listenSsh({
    host: config.ssh.host,
    port: config.ssh.port,
    serve: (from) =>
      frontDoor(
        {
          hostKey: hostKey.privateKey,
          jumpLine: () => jumpLine(place()),
          operators,
          signIn,
          refusals,
          admission,
          relays,
          audit,
          clock,
          log,
        },
        from,
      ),
    onRefused: ({ address, reason }) => log.warn({ address, reason }, 'an SSH connection was closed at once'),
  });
  teardown.add(() => ssh.close('The proxy is stopping. Connect again in a minute.'));
  bound.ssh = ssh.port;

  const startedAt = new Date(clock.nowMs()).toISOString();
  const control = await ControlServer.listen(
    join(dataDir, 'control.sock'),
    {
      ...controlHandlers(administration, async () => ({
        name: identity.name,
        id: identity.id,
        version: readVersion(),
        startedAt,
        url: place().url,
        ssh: `${place().sshHost}:${place().sshPort}`,
        tunnels: acceptor.tunnels.size,
        connections: relays.count,
      })),
      ...reloadHandler(reload),
      ...logLevelHandler(log),
    },
    log,
  );
  teardown.add(() => control.close());
  await audit.append({ type: 'proxy.started', actor: 'system', proxy: identity.id });
  const checkpoints = clock.every(CHECKPOINT_PERIOD_MS, () => {
    audit.checkpoint().catch((error: unknown) => log.error({ err: error }, 'the audit log was not signed'));
  });
  teardown.add(() => checkpoints.cancel());

  return runningRole({
    addresses: {
      https: `${hostInUrl(config.https.host)}:${bound.https}`,
      ssh: `${hostInUrl(config.ssh.host)}:${bound.ssh}`,
      control: join(dataDir, 'control.sock'),
    },
    async reload(next) {
      const { taken } = live.compare(next);
      if (taken.length > 0) await audit.append({ type: 'config.reloaded', actor: 'system', keys: taken });
      const reloaded = live.take(next);
      log.level = live.now.log.level;
      await served.look();
      return reloaded;
    },
    async stop(reason) {
      log.info({ reason }, 'the proxy is stopping');
      stopping.abort();
      try {
        await acceptor.drain(live.now.drain);
        await acceptor.close();
        await tunnels.settled();
        await audit.append({ type: 'proxy.stopped', actor: 'system', proxy: identity.id, reason });
        await audit.checkpoint();
      } finally {
        await teardown.run();
      }
    },
  });
}

function runningRole(
  parts: Pick<ReloadableRole<ProxyConfig>, 'addresses' | 'reload' | 'stop'>,
): ReloadableRole<ProxyConfig> {
  let stop: Promise<void> | undefined;
  let ended: (reason: string) => void = () => undefined;
  const stopped = new Promise<string>((resolve) => {
    ended = resolve;
  });
  return {
    addresses: parts.addresses,
    reload: parts.reload,
    stopped,
    stop(reason) {
      stop ??= parts.stop(reason).finally(() => ended(reason));
      return stop;
    },
  };
}
