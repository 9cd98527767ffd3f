import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type AgentConfig, loadAgentConfig } from '../../agent/config.ts';
import { loadEnrolment } from '../../agent/setup/enrolment-file.ts';
import { type BastionConfig, bastionPaths, loadBastionConfig } from '../../bastion/config.ts';
import { parsePolicy } from '../../bastion/policy/schema.ts';
import { readProxyEnrolment } from '../../bastion/setup/enrolment-file.ts';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import { loadProxyConfig, type ProxyConfig } from '../../proxy/config.ts';
import { PROXY_MIGRATIONS } from '../../proxy/store/migrations.ts';
import { acmeFile } from '../../shared/acme/acme-certificate.ts';
import { AUDIT_MIGRATIONS, auditFilePath } from '../../shared/audit/audit-file.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { formatTime } from '../format.ts';
import { serverCertificate } from './certificate-check.ts';
import { directory } from './directory-check.ts';
import { figures } from './figures-check.ts';
import { type Check, check, type Finding } from './finding.ts';
import { compiledCiphers, database, disk, filePermissions, nodeVersion } from './machine-checks.ts';
import { httpsChecks, sshServer, type WayOptions } from './network-checks.ts';
import { ports } from './port-check.ts';
import { answers, hostSignIns, running } from './running-check.ts';
import { authorizedKeysCommand } from './sshd-check.ts';

/** A checkpoint older than this says that sealing does not work. */
const CHECKPOINT_WARN_MS = 60 * 60 * 1000;

/** What to look at for the role of this config file. @throws `config.*`: without a config there is nothing to look at */
export async function roleChecks(
  role: 'proxy' | 'bastion' | 'agent',
  configPath: string,
  way: WayOptions = {},
): Promise<readonly Check[]> {
  switch (role) {
    case 'proxy':
      return proxyChecks(configPath, way);
    case 'bastion':
      return bastionChecks(await loadBastionConfig(configPath), configPath, way);
    case 'agent':
      return agentChecks(await loadAgentConfig(configPath), configPath, way);
  }
}

function configIsGood(configPath: string): Check {
  return check('config', async () => [{ state: 'ok', text: `${configPath} is in order.` }]);
}

async function proxyChecks(configPath: string, way: WayOptions): Promise<readonly Check[]> {
  const config = await loadProxyConfig(configPath);
  const { dataDir, publicUrl, https, ssh, tls } = config;
  const socketPath = join(dataDir, 'control.sock');
  const egress = createEgress({}, await ownCa(tls.ca));
  return [
    configIsGood(configPath),
    nodeVersion(),
    compiledCiphers(),
    filePermissions(dataDir),
    disk(dataDir),
    database(join(dataDir, 'proxy.db'), PROXY_MIGRATIONS),
    database(auditFilePath(dataDir), AUDIT_MIGRATIONS),
    serverCertificate(servedFiles(tls, dataDir), publicUrl),
    ports(
      [
        { key: 'https', ...https },
        { key: 'ssh', host: ssh.host, port: ssh.port },
      ],
      () => answers(socketPath),
    ),
    running(socketPath, 'proxy', (status) => {
      const { tunnels } = z.looseObject({ tunnels: z.number() }).parse(status);
      return [{ state: 'ok', text: `${tunnels} tunnels of bastions are up.` }];
    }),
    ...httpsChecks(egress, new URL(publicUrl), way),
    sshServer(
      "The proxy's SSH server",
      ssh.publicHost ?? new URL(publicUrl).hostname,
      ssh.publicPort ?? ssh.port,
    ),
  ];
}

const bastionStatus = z.looseObject({
  access: z.looseObject({ state: z.string() }),
  uplinks: z.array(z.looseObject({ state: z.string(), problem: z.string().optional() })),
  evidence: z.looseObject({
    lastCheckpointAt: z.string().optional(),
    problem: z.string().optional(),
    logProblem: z.string().optional(),
    witness: z.looseObject({ state: z.string(), problem: z.string().optional() }).optional(),
  }),
});

async function bastionChecks(
  config: BastionConfig,
  configPath: string,
  way: WayOptions,
): Promise<readonly Check[]> {
  const paths = bastionPaths(config);
  const enrolled = await readProxyEnrolment(paths.enrolment);
  const proxyCa = enrolled?.issuer.ca;
  const egress = createEgress(config.egress, proxyCa === undefined ? {} : { extraCa: [proxyCa] });
  return [
    configIsGood(configPath),
    check('policy', async () => {
      parsePolicy(await readFile(config.policy, 'utf8'), config.policy);
      return [{ state: 'ok', text: `${config.policy} is in order.` }];
    }),
    nodeVersion(),
    compiledCiphers(),
    filePermissions(config.dataDir),
    disk(paths.recordings),
    database(paths.database, BASTION_MIGRATIONS),
    database(auditFilePath(config.dataDir), AUDIT_MIGRATIONS),
    serverCertificate(servedFiles(config.tls, config.dataDir), config.publicUrl),
    ports([{ key: 'https', ...config.https }], () => answers(paths.controlSocket)),
    running(paths.controlSocket, 'bastion', (status) => bastionFindings(bastionStatus.parse(status))),
    ...(enrolled === undefined
      ? [
          check('proxy', async () => [
            {
              state: 'warn',
              text: 'This bastion has joined no proxy.',
              hint: 'Ask the vendor for a token, then run `drawbridge bastion join URL TOKEN`.',
            },
          ]),
        ]
      : httpsChecks(egress, new URL(enrolled.url), { ...way, ...(await inspectorsOf(config.egress)) })),
    // As agents and browsers come in: the name has to lead here.
    ...((await answers(paths.controlSocket))
      ? [
          ...httpsChecks(createEgress({}, await ownCa(config.tls.ca)), new URL(config.publicUrl)),
          hostSignIns(paths.controlSocket),
        ]
      : []),
    ...(config.admins.provider === undefined
      ? []
      : [directory(config.admins.provider, config.publicUrl, createEgress(config.egress))]),
    ...config.hosts.map((host) =>
      sshServer(`The sshd of ${host.name}`, host.address.host, host.address.port),
    ),
  ];
}

function bastionFindings(status: z.infer<typeof bastionStatus>): readonly Omit<Finding, 'check'>[] {
  const { access, uplinks, evidence } = status;
  const sealedAt = evidence.lastCheckpointAt;
  const stale = sealedAt === undefined || Date.now() - Date.parse(sealedAt) > CHECKPOINT_WARN_MS;
  return [
    { state: 'ok', text: `Remote access is ${access.state}.` },
    tunnels(access.state, uplinks),
    evidence.problem === undefined
      ? { state: 'ok', text: 'Evidence can be written.' }
      : { state: 'fail', text: evidence.problem, hint: 'No session is admitted before this is mended.' },
    ...historyFindings(evidence),
    stale
      ? {
          state: 'warn',
          text:
            sealedAt === undefined
              ? 'The audit log has no checkpoint.'
              : `The last checkpoint is of ${formatTime(sealedAt)}.`,
          hint: 'Look for errors in the log of the bastion.',
        }
      : { state: 'ok', text: `The last checkpoint is of ${formatTime(sealedAt)}.` },
  ];
}

/** What speaks against the history that the audit log tells. */
function historyFindings({
  logProblem,
  witness,
}: z.infer<typeof bastionStatus>['evidence']): readonly Omit<Finding, 'check'>[] {
  const hint =
    'Keep the data directory as it is, and compare with what witness and receivers have kept (docs/evidence.md).';
  return [
    ...(logProblem === undefined ? [] : [{ state: 'fail', text: logProblem, hint } as const]),
    ...(witness?.state === 'refused'
      ? [{ state: 'fail', text: `The witness refuses this history: ${witness.problem ?? ''}`, hint } as const]
      : []),
  ];
}

function tunnels(access: string, uplinks: z.infer<typeof bastionStatus>['uplinks']): Omit<Finding, 'check'> {
  const down = uplinks.find((uplink) => uplink.state !== 'connected');
  if (access !== 'on') return { state: 'ok', text: 'While access is off, no tunnel to the proxy is wanted.' };
  if (down === undefined) return { state: 'ok', text: `${uplinks.length} tunnels to the proxy are up.` };
  return {
    state: 'warn',
    text: `A tunnel to the proxy is not connected${down.problem === undefined ? '.' : `: ${down.problem}`}`,
    hint: 'The checks on the way to the proxy, below, say where it ends.',
  };
}

async function agentChecks(
  config: AgentConfig,
  configPath: string,
  way: WayOptions,
): Promise<readonly Check[]> {
  const { issuer, url } = await loadEnrolment(config.dataDir);
  const egress = createEgress(config.egress, issuer.ca === undefined ? {} : { extraCa: [issuer.ca] });
  return [
    configIsGood(configPath),
    nodeVersion(),
    compiledCiphers(),
    filePermissions(config.dataDir),
    disk(config.dataDir),
    ...figures(config.metrics.listen),
    ...httpsChecks(egress, new URL(url), { ...way, ...(await inspectorsOf(config.egress)) }),
    ...(config.target === 'sshd'
      ? [sshServer("The host's sshd", config.sshd.host, config.sshd.port), authorizedKeysCommand()]
      : []),
  ];
}

async function inspectorsOf(egress: { readonly caBundle?: string }): Promise<Pick<WayOptions, 'inspectors'>> {
  return egress.caBundle === undefined ? {} : { inspectors: [await readFile(egress.caBundle, 'utf8')] };
}

async function ownCa(path: string | undefined): Promise<{ extraCa?: readonly string[] }> {
  return path === undefined ? {} : { extraCa: [await readFile(path, 'utf8')] };
}

/** The certificate that the role would serve now. */
function servedFiles(tls: ProxyConfig['tls'], dataDir: string): Parameters<typeof serverCertificate>[0] {
  const byAcme = acmeFile(dataDir);
  return tls.acme !== undefined && existsSync(byAcme) ? { certificate: byAcme, key: byAcme } : tls;
}
