import { join } from 'node:path';
import { z } from 'zod';
import { loadConfig } from '../shared/config/config.ts';
import type { Resolved } from '../shared/config/config-path.ts';
import {
  commonFields,
  dialAddress,
  egressSection,
  filePath,
  httpsUrl,
  labels,
  listenAddress,
  nodeName,
  tlsSection,
} from '../shared/config/fields.ts';
import { metricsSection } from '../shared/metrics/config.ts';
import { adminsSection } from './admins/provider/config.ts';
import { approvalsSection } from './approvals/config.ts';
import { recordingsSection } from './retention/recordings-section.ts';
import { shipSection } from './shipping/config.ts';
import { trustFields } from './trust/config.ts';

/** Hosts without an agent that one bastion may have. */
const DIRECT_HOSTS_MAX = 1000;

/** `bastion.yaml`. Strict: a misspelt key is a fault. */
export const bastionConfigSchema = z.strictObject({
  ...commonFields('bastion'),
  https: listenAddress.describe("Where the page, the API and the agents' tunnels come in."),
  publicUrl: httpsUrl.describe('The same, as agents and browsers reach it.'),
  tls: tlsSection,
  reverseProxies: z
    .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
    .max(32)
    .default([])
    .describe(
      'Reverse proxies in front of the page: addresses whose `X-Forwarded-For` counts, for limits and the audit log.',
    ),
  policy: filePath.describe(
    'The policy file. Changes are made with `drawbridge policy apply` or on the page.',
  ),
  proxy: z
    .strictObject({
      tunnels: z
        .int()
        .min(1)
        .max(16)
        .default(2)
        .describe('Tunnels to hold; a new session takes the least busy one.'),
    })
    .prefault({})
    .describe("The way to the vendor's proxy. Its address was pinned when the bastion joined."),
  egress: egressSection,
  ...trustFields,
  recordings: recordingsSection,
  ship: shipSection,
  metrics: metricsSection,
  approvals: approvalsSection,
  admins: adminsSection,
  hosts: z
    .array(
      z.strictObject({
        name: nodeName.describe('Name of the host.'),
        address: dialAddress.describe('Where its sshd listens.'),
        labels: labels.default({}).describe('What the policy selects it by.'),
      }),
    )
    .max(DIRECT_HOSTS_MAX)
    .refine((hosts) => new Set(hosts.map((host) => host.name)).size === hosts.length, {
      message: 'every host needs a name of its own',
    })
    .default([])
    .describe('Hosts without an agent, whose sshd the bastion dials itself.'),
  keepTunnelWhenOff: z
    .boolean()
    .default(false)
    .describe(
      'True: the tunnels to the proxy stay up while remote access is off, and every session in them is refused.',
    ),
});

export type BastionConfig = Resolved<z.infer<typeof bastionConfigSchema>>;

/** @throws `config.missing`, `config.unreadable`, `config.invalid` with every fault. */
export function loadBastionConfig(path: string): Promise<BastionConfig> {
  return loadConfig(path, bastionConfigSchema, { role: 'bastion' });
}

/** Where everything of a bastion lies. Absolute paths. */
export function bastionPaths(config: BastionConfig) {
  const { dataDir } = config;
  return {
    database: join(dataDir, 'bastion.db'),
    sshHostKey: join(dataDir, 'ssh_host_ed25519_key'),
    sshClientKey: join(dataDir, 'ssh_client_ed25519_key'),
    enrolment: join(dataDir, 'enrolment.json'),
    controlSocket: join(dataDir, 'control.sock'),
    recordings: config.recordings.directory ?? join(dataDir, 'recordings'),
  };
}
