import { mkdir } from 'node:fs/promises';
import { parseAgeRecipient } from '../recordings/encryption/age-recipient.ts';
import { AuditLog } from '../shared/audit/log.ts';
import { type Clock, isoTime } from '../shared/clock.ts';
import type { Reloaded } from '../shared/config/live-config.ts';
import { logLevelHandler } from '../shared/control/log-level-handler.ts';
import { reloadHandler } from '../shared/control/reload-handler.ts';
import { ControlServer } from '../shared/control/server.ts';
import { createEgress } from '../shared/egress/egress.ts';
import { signIssuerDocument } from '../shared/identity/issuer-document.ts';
import { loadNodeIdentity } from '../shared/identity/node-identity.ts';
import type { Logger } from '../shared/log.ts';
import { RoleMetrics } from '../shared/metrics/role-metrics.ts';
import type { ReloadableRole } from '../shared/role.ts';
import { loadSshKeyFile } from '../shared/ssh/keys.ts';
import { mendPublicLine } from '../shared/ssh/renew-key.ts';
import { Database } from '../shared/store/database.ts';
import { lockDirectory } from '../shared/store/directory-lock.ts';
import { openCertificate } from '../shared/tls/open-certificate.ts';
import { readCa } from '../shared/tls/read-ca.ts';
import { readVersion } from '../shared/version.ts';
import { openAdmins } from './admins/open-admins.ts';
import { Admission } from './admission/admission.ts';
import { EvidenceHealth } from './admission/evidence-health.ts';
import { RefusalLog } from './admission/refusal-log.ts';
import { openDecisions } from './approvals/open-decisions.ts';
import { LocalBastionService } from './bastion-service.ts';
import { type BastionConfig, bastionPaths } from './config.ts';
import { adminHandlers } from './control/admin-handlers.ts';
import { approvalHandlers } from './control/approval-handlers.ts';
import { controlHandlers } from './control/control-handlers.ts';
import { Gate } from './gate/gate.ts';
import { AgentStore } from './hosts/agent-store.ts';
import { directHostId } from './hosts/direct-host.ts';
import { HostDirectory } from './hosts/host-directory.ts';
import { openAgents } from './hosts/open-agents.ts';
import { EffectivePolicy } from './policy/effective-policy.ts';
import { PolicyAdministration } from './policy/policy-administration.ts';
import { PolicyStore } from './policy/policy-store.ts';
import { reloadOf } from './reload.ts';
import { runningRole } from './running-role.ts';
import { LogVerification } from './sealing/log-verification.ts';
import { Sealing } from './sealing/sealing.ts';
import { openRecordingLibrary } from './search/open-library.ts';
import { enterStart } from './sessions/enter-start.ts';
import { recoverSessions } from './sessions/recover-sessions.ts';
import { SessionRegistry } from './sessions/session-registry.ts';
import { SessionStore } from './sessions/session-store.ts';
import { readProxyEnrolment } from './setup/enrolment-file.ts';
import { openShipping } from './shipping/open-shipping.ts';
import { openOperators } from './ssh/open-operators.ts';
import { BASTION_MIGRATIONS } from './store/migrations.ts';
import { Teardown } from './teardown.ts';
import { PassCheck } from './trust/pass-check.ts';
import { openUplink } from './uplink/open-uplink.ts';
import { PinnedProxy } from './uplink/pinned-proxy.ts';
import { openMetrics } from './web/open-metrics.ts';
import { pageDirectory } from './web/page-files.ts';
import { createWebServer } from './web/server.ts';
import { settingsOf } from './web/settings.ts';
import { openWitness } from './witness/open-witness.ts';

/** How long sessions may take to close their recordings when the bastion is told to stop. */
const STOP_SESSIONS_MS = 5_000;

export interface BastionDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Reads the configuration anew, for the control socket. */
  readonly reload?: () => Promise<Reloaded>;
  /** Stands between everything that appends and the audit log; for tests of what happens when it fails. */
  readonly wrapAudit?: (audit: AuditLog) => Pick<AuditLog, 'append'>;
}

/**
 * Starts the customer's role: page, API, agents' tunnels, control socket, and, while remote access is on, the tunnels to
 * the vendor's proxy.
 * @throws `store.locked`, `identity.*`, `store.*`, `tls.*`, `policy.*`, `ssh.*`, `listen.*`; then nothing is left running.
 */
export async function startBastion(
  config: BastionConfig,
  deps: BastionDeps,
): Promise<ReloadableRole<BastionConfig>> {
  const teardown = new Teardown(deps.log);
  try {
    return await start(config, deps, teardown);
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(
  config: BastionConfig,
  deps: BastionDeps,
  teardown: Teardown,
): Promise<ReloadableRole<BastionConfig>> {
  const { clock, log } = deps;
  const { dataDir } = config;
  const paths = bastionPaths(config);
  const startedAt = isoTime(clock);
  const version = readVersion();

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
  const hostKey = await loadSshKeyFile(paths.sshHostKey);
  const clientKey = await loadSshKeyFile(paths.sshClientKey);
  // Administrators copy that line to hosts: a renewal that was cut off may have left the one of the key before.
  if (await mendPublicLine(paths.sshClientKey, `drawbridge-${identity.name}`))
    log.warn({ file: `${paths.sshClientKey}.pub` }, 'the public line of the SSH client key was an old one');
  const enrolled = await readProxyEnrolment(paths.enrolment);
  await mkdir(paths.recordings, { recursive: true, mode: 0o700 });

  const database = await Database.open(paths.database, {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'FULL',
  });
  teardown.add(() => database.close());
  const auditLog = await AuditLog.open(dataDir, { identity, clock, log });
  teardown.add(() => auditLog.close());
  const metrics = new RoleMetrics({ role: 'bastion', version });
  teardown.add(() => metrics.close());
  metrics.countEvents(auditLog);
  metrics.watchCertificate(() => served.current.cert);
  const audit = new EvidenceHealth({
    audit: metrics.timed(deps.wrapAudit?.(auditLog) ?? auditLog, clock),
    directories: [dataDir, paths.recordings],
    clock,
  });
  const refusals = new RefusalLog(audit, clock);

  const sessionStore = new SessionStore(database);
  const { encryptTo } = config.recordings;
  const starting = { audit, events: auditLog, version, id: identity.id, encryptTo };
  const { lastEventAt, ...before } = await enterStart(starting);
  teardown.add(async () => {
    await audit.append({ type: 'bastion.stopped', actor: 'system' });
    await auditLog.checkpoint();
  });
  await recoverSessions({
    ...{ store: sessionStore, audit, events: auditLog, clock },
    recordingsDirectory: paths.recordings,
    ...before,
  });
  const policies = await PolicyStore.open({ path: config.policy, database, audit, clock });
  const registry = new SessionRegistry({ store: sessionStore, audit, clock, log });
  teardown.add(() => registry.close());
  const recordings = await openRecordingLibrary({
    ...deps,
    config,
    database,
    evidence: audit,
    events: auditLog,
    registry,
    lastEventAt,
    teardown,
  });
  const agentStore = new AgentStore(database, clock);
  const hosts = new HostDirectory({ agents: await agentStore.list(), direct: config.hosts, startedAt });
  const labelsOf = (host: string) => hosts.find(host)?.labels ?? {};
  const known = lastEventAt === undefined ? {} : { lastKnownMs: Date.parse(lastEventAt) };
  const gate = await Gate.open({ dataDir, name: identity.name, audit, clock, log, ...known });
  const policy = new EffectivePolicy(policies, () => gate.outsideWindows);
  const decisions = await openDecisions({
    ...{ config: config.approvals, bastionName: identity.name, database, audit, registry, policy, labelsOf },
    ...{ gate, egress: () => createEgress(config.egress), clock, log, teardown, ...known },
  });
  policies.onChange(decisions.recheck);
  gate.onChange(({ state }) => state === 'on' && decisions.recheck());

  const sealing = new Sealing({ auditLog, audit, liveSessions: () => registry.live, clock, log });
  gate.onChange(() => sealing.seal());
  teardown.add(() => sealing.stop());
  const proxy = enrolled === undefined ? undefined : new PinnedProxy(enrolled, paths.enrolment, audit);
  const witness = await openWitness({
    dataDir,
    identity,
    proxy,
    auditLog,
    audit,
    tunnel: () => uplink?.pick(),
    clock,
    log,
    teardown,
  });

  const from = { id: identity.id, name: identity.name, version };
  const shipping = await openShipping({ config, from, source: auditLog, database, clock, log, teardown });

  const passes = await PassCheck.open(
    {
      ...{ audience: identity.id, issuer: () => (proxy?.joined ? proxy.issuer : undefined), dataDir },
      ...{ egress: () => createEgress(config.egress), database, clock, log },
    },
    { trust: config.trust, providers: config.idp },
  );
  const { operators, hostKeys, signIns } = openOperators({
    keys: { host: hostKey.privateKey, client: clientKey.privateKey },
    services: {
      bastionName: identity.name,
      ...{ audit, refusals, policy, clock, log },
      store: sessionStore,
      approvals: decisions.approvals,
      locks: decisions.locks,
      recordingsDirectory: paths.recordings,
      ...(encryptTo === undefined ? {} : { encryptTo: encryptTo.map(parseAgeRecipient) }),
    },
    database,
    rest: {
      ...{ registry, labelsOf, closesAt: () => gate.status.until },
      stillTrusts: (vouchedBy) => passes.stillTrusts(vouchedBy),
    },
  });

  const uplink =
    proxy === undefined
      ? undefined
      : openUplink({
          config,
          deps,
          identity,
          proxy,
          sshHostKey: hostKey.publicLine,
          audit,
          admission: () => admission,
          registry,
          operatorsCut: () => operators.allCut(),
          onConnected: () => witness.connected(),
        });
  const admission = new Admission({
    name: identity.name,
    gate,
    registry,
    hosts,
    policy,
    evidence: audit,
    refusals,
    locks: decisions.locks,
    clock,
    log,
    verifyPass: (token) => passes.check(token),
    onAdmitted: (admitted) => operators.serve(admitted),
  });

  const { enrolment, acceptor } = openAgents({
    ...{ identity, audit, refusals, clock, log, hosts },
    store: agentStore,
    sshClientKey: clientKey.publicLine,
    publicUrl: config.publicUrl,
  });

  const adminsParts = { database, audit, clock, bastionName: identity.name, log };
  const { admins, ...byProvider } = await openAdmins(config, adminsParts);
  const service = new LocalBastionService({
    signIns,
    identity,
    version,
    startedAt,
    gate,
    registry,
    sessions: sessionStore,
    agents: agentStore,
    hosts,
    enrolment,
    evidence: audit,
    audit: auditLog,
    uplinks: () => uplink?.summaries ?? [],
    keepingWarning: () => recordings.retention.warning,
    witness: () => witness.summary(),
    cosigned: () => witness.cosigned(),
    verification: new LogVerification({ identity, audit: auditLog, witnessed: () => witness.notes(), clock }),
    shipping,
    keyframeAt: (...place) => recordings.library.keyframeAt(...place),
    clock,
  });
  const policyAdministration = new PolicyAdministration({
    store: policies,
    inForce: policy,
    labelsOf,
    access: () => gate.status.state,
    clock,
  });
  const web = await createWebServer({
    service,
    policies: policyAdministration,
    admins,
    ...byProvider,
    desk: decisions.desk,
    acceptor,
    enrol: (body, address) => enrolment.handle(body, address),
    recordings,
    wellKnown: async () => ({ document: await signIssuerDocument(identity, 'bastion', ca, clock) }),
    tls: served.current,
    reverseProxies: config.reverseProxies,
    settings: () =>
      settingsOf({
        ...{
          config,
          publicJwk: identity.publicJwk,
          certificate: served.current.cert,
          proxy: proxy?.enrolment,
          directory: byProvider.provider?.standing,
        },
        ssh: { host: hostKey.fingerprint, client: clientKey.fingerprint },
      }),
    pageDir: pageDirectory(),
    clock,
    log,
    audit,
    metrics: () => metrics.text(),
  });
  served.onChange((tls) => web.useCertificate(tls));
  teardown.add(() => web.close());
  // Before the server that they came in by, which waits for their sockets.
  teardown.add(() => acceptor.close());
  openMetrics({
    ...{ config, identity, metrics, clock, log, teardown, text: () => web.metrics() },
    proxyStreams: () => uplink?.openStreams ?? 0,
    agentTunnels: () => acceptor.tunnels,
    liveSessions: () => registry.live,
  });
  const control = await ControlServer.listen(
    paths.controlSocket,
    {
      ...controlHandlers({
        service,
        recordings,
        policies: policyAdministration,
        audit: auditLog,
        forgetHostKey: (actor, name) =>
          hostKeys.forget(actor, hosts.find(name)?.id ?? directHostId(name), name),
      }),
      ...approvalHandlers(decisions.desk),
      ...adminHandlers(admins.administration),
      ...reloadHandler(deps.reload),
      ...logLevelHandler(log),
    },
    log,
  );
  teardown.add(() => control.close());

  // Sessions end before what carries them: this is the first thing that a stop does, and nobody comes in after it.
  teardown.add(async () => {
    const message = `${identity.name} is being stopped.`;
    registry.endAll({ code: 'bastion.stopped', message });
    gate.stop(message);
    await registry.waitUntilIdle(STOP_SESSIONS_MS);
    await uplink?.stop();
  });
  gate.onChange((status) => uplink?.gateIs(status.state));
  const https = await web.listen(config.https.host, config.https.port);
  uplink?.gateIs(gate.status.state);
  sealing.seal();
  log.info({ access: gate.status.state, https }, `bastion ${identity.name} is running`);

  const reload = reloadOf({ config, hosts, registry, passes, proxy, uplink, served, audit, log });
  return { ...runningRole({ https, control: paths.controlSocket }, teardown, log), reload };
}
