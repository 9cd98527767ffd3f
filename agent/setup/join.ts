import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { requireOwnFolder } from '../../shared/config/role-folder.ts';
import { createEgress, type Egress, type EgressConfig } from '../../shared/egress/egress.ts';
import { fetchJson } from '../../shared/egress/fetch-json.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { signEnrolment, verifyEnrolmentReply } from '../../shared/identity/enrolment.ts';
import { type PinnedIssuer, verifyIssuerDocument } from '../../shared/identity/issuer-document.ts';
import { type JoinToken, parseJoinToken } from '../../shared/identity/join-token.ts';
import { createNodeIdentity, type NodeIdentity } from '../../shared/identity/node-identity.ts';
import { createSshKeyFile, loadSshKeyFile, parsePublicLine } from '../../shared/ssh/keys.ts';
import { writeWholeFile } from '../../shared/store/whole-file.ts';
import { type AgentEnrolment, saveEnrolment } from './enrolment-file.ts';

/** Each of the two requests of a join may take this long. */
const REQUEST_TIMEOUT_MS = 20_000;

/** What a new agent is to be. */
export interface JoinBastionOptions {
  /** Folder for `agent.yaml` and `data/`; made if missing. */
  readonly dir: string;
  /** Base of the bastion's address, `https://…`. */
  readonly url: string;
  /** Join token, as the bastion's page shows it. */
  readonly token: string;
  /** Name of the host for operators; the first part of this machine's name unless given. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: 'builtin' | 'sshd';
  readonly sshd?: { readonly host: string; readonly port: number };
  readonly logins?: readonly string[];
  readonly egress?: EgressConfig;
  /** Version to tell the bastion. */
  readonly version?: string;
  readonly clock?: Clock;
}

/**
 * Enrols this host at a bastion and writes what `agent start` needs: identity, SSH host key, whom to trust, and
 * `agent.yaml` last. When the bastion refuses, nothing is left behind.
 *
 * The bastion's TLS certificate is not trusted at first: its own signed document is, whose key the token names. From
 * then on its CA is known.
 * @throws `token.malformed`, `join.exists`, `init.other_role`, `join.failed`, `join.not_a_bastion`, `enrolment.refused`, `issuer.refused`, `egress.*`.
 */
export async function joinBastion(options: JoinBastionOptions): Promise<{ readonly configPath: string }> {
  const clock = options.clock ?? systemClock;
  const token = parseJoinToken(options.token);
  await requireOwnFolder(options.dir, 'agent');
  const name = options.name ?? hostname().split('.')[0] ?? 'host';
  const url = baseUrl(options.url);
  const issuer = await fetchIssuer(createEgress(options.egress ?? {}), url, token, clock);
  const dataDir = join(options.dir, 'data');
  const configPath = join(options.dir, 'agent.yaml');
  await makeDataDir(dataDir, options.dir);
  try {
    const identity = await createNodeIdentity(dataDir, 'agent', name);
    const keyPath = join(dataDir, 'ssh_host_ed25519_key');
    await createSshKeyFile(keyPath, `drawbridge-agent-${name}`);
    const sshClientKey = await enrol(options, { url, token, issuer, identity, keyPath, clock });
    await saveEnrolment(dataDir, { issuer, url: url.origin, sshClientKey });
    await writeWholeFile(configPath, renderConfig(options, name));
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
  return { configPath };
}

function baseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:') return url;
  throw new DrawbridgeError('usage.url', "The bastion's address must begin with https://.", {
    hint: "Copy the line that the bastion's page shows under 'Add a host'.",
  });
}

async function makeDataDir(dataDir: string, dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await mkdir(dataDir, { mode: 0o700 });
  } catch (cause) {
    if (systemCodeOf(cause) === 'EEXIST')
      throw new DrawbridgeError('join.exists', `There is an agent in ${dir} already.`, {
        hint: 'To make a service of it: `drawbridge agent install`. To enrol the host anew: `drawbridge agent uninstall --purge` first. For a second agent: --dir.',
        cause,
      });
    throw new DrawbridgeError(
      'join.failed',
      `The folder ${dir} could not be made (${systemCodeOf(cause)}).`,
      {
        hint: 'Choose a folder that this account may write to with --dir.',
        cause,
      },
    );
  }
}

const documentSchema = z.object({ document: z.string() });

async function fetchIssuer(egress: Egress, url: URL, token: JoinToken, clock: Clock): Promise<PinnedIssuer> {
  const { status, body } = await fetchJson(egress, new URL('/.well-known/drawbridge', url), {
    timeoutMs: REQUEST_TIMEOUT_MS,
    insecureBecausePinned: true,
  });
  const answer = documentSchema.safeParse(body);
  if (status !== 200 || !answer.success) throw notABastion(url);
  const issuer = await verifyIssuerDocument(answer.data.document, token.issuerThumbprint, clock);
  if (issuer.role !== 'bastion') throw notABastion(url);
  return issuer;
}

function notABastion(url: URL): DrawbridgeError {
  return new DrawbridgeError('join.not_a_bastion', `There is no Drawbridge bastion at ${url.origin}.`, {
    hint: "Check the address: an agent joins the customer's bastion, not the vendor's proxy.",
  });
}

const replySchema = z.object({ reply: z.string() });
const refusalSchema = z.object({
  code: z.string().max(100),
  message: z.string().max(500),
  hint: z.string().max(500).optional(),
});
const fieldsSchema = z.looseObject({ sshClientKey: z.string() });

/** Enrols, and gives the key by which the bastion will sign in. */
async function enrol(
  options: JoinBastionOptions,
  parts: {
    url: URL;
    token: JoinToken;
    issuer: PinnedIssuer;
    identity: NodeIdentity;
    keyPath: string;
    clock: Clock;
  },
): Promise<AgentEnrolment['sshClientKey']> {
  const { url, token, issuer, identity, keyPath, clock } = parts;
  const { publicLine } = await loadSshKeyFile(keyPath);
  const proof = await signEnrolment(
    token,
    identity,
    {
      role: 'agent',
      sshHostKey: publicLine,
      fields: {
        version: options.version,
        platform: `${process.platform} ${process.arch}`,
        target: options.target ?? 'builtin',
        logins: options.logins,
        labels: options.labels,
      },
    },
    clock,
  );
  const egress = createEgress(options.egress ?? {}, { extraCa: issuer.ca === undefined ? [] : [issuer.ca] });
  const { status, body } = await fetchJson(egress, new URL('/api/enrol', url), {
    body: { proof },
    timeoutMs: REQUEST_TIMEOUT_MS,
  });
  const answer = replySchema.safeParse(body);
  if (!answer.success || status >= 300) {
    const refusal = refusalSchema.safeParse(body);
    throw new DrawbridgeError(
      'enrolment.refused',
      refusal.success ? refusal.data.message : `The bastion refused the enrolment (HTTP ${status}).`,
      {
        hint: refusal.data?.hint ?? 'A token works once and for 30 minutes: let the bastion make a new one.',
      },
    );
  }
  const reply = await verifyEnrolmentReply(answer.data.reply, { issuer, joinerId: identity.id, clock });
  const fields = fieldsSchema.safeParse(reply);
  if (!fields.success)
    throw new DrawbridgeError('enrolment.refused', 'The bastion did not tell its SSH key.', {
      hint: 'Use the same version of Drawbridge on the bastion and on this host.',
    });
  parsePublicLine(fields.data.sshClientKey);
  return fields.data.sshClientKey;
}

/** What an administrator of the host may want to change, at its default. */
const MORE_SETTINGS = `
# Accounts that may be used, whatever the bastion says. Left out: the one that the agent runs as, or any when that is root.
# logins: [deploy]

# Whether the bastion may connect from this host to other addresses (ssh -L). It decides which.
# forwarding: true

# What a session leaves running: end it with the session, or keep it.
# afterSession: end

# The way out, when it is not direct. Without 'proxy' the environment's https_proxy counts.
# egress:
#   proxy: http://user:password@proxy.example.com:3128

# /healthz, /readyz and /metrics, by plain HTTP on loopback.
# metrics:
#   listen: { port: 9464 }
`;

function renderConfig(options: JoinBastionOptions, name: string): string {
  const { target = 'builtin', sshd, logins, labels, egress } = options;
  const settings = {
    role: 'agent',
    name,
    dataDir: 'data',
    target,
    ...(sshd === undefined ? {} : { sshd }),
    ...(logins === undefined ? {} : { logins }),
    ...(labels === undefined ? {} : { labels }),
    ...(egress === undefined || Object.keys(egress).length === 0 ? {} : { egress }),
  };
  return `# The Drawbridge agent of this host. Paths are relative to this file.\n${stringify(settings)}${MORE_SETTINGS}`;
}
