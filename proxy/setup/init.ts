import { rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type AcmeChoice, tlsYaml } from '../../shared/acme/template.ts';
import { makeRoleFolders, requireOwnFolder, writeRoleFile } from '../../shared/config/role-folder.ts';
import { type Place, placeOf } from '../../shared/config/role-place.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { createNodeIdentity, loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { createSshKeyFile } from '../../shared/ssh/keys.ts';
import { isThere } from '../../shared/store/is-there.ts';
import { createPrivateCa } from '../../shared/tls/private-ca.ts';

/** What a new proxy is to be. */
export interface InitProxyOptions {
  /** Folder for `proxy.yaml` and `data/`; made if missing. */
  readonly dir: string;
  /** The vendor's name, as customers will see it. */
  readonly name: string;
  /** Address to listen on; every address unless given. */
  readonly host?: string;
  readonly httpsPort: number;
  readonly sshPort: number;
  /** DNS name or IP address under which others reach it; `host` unless given, else `localhost`. */
  readonly publicHost?: string;
  /** Let the role get its certificate by ACME. */
  readonly acme?: AcmeChoice;
  /** Start over: identity, keys, certificate and configuration are replaced; accounts and audit log stay. */
  readonly force?: boolean;
}

/** Where a proxy's things are, and how it is reached. Paths. */
export interface InitialisedProxy {
  readonly configPath: string;
  /** The private CA's certificate (PEM). */
  readonly ca: string;
  readonly publicUrl: string;
}

/**
 * Makes what a proxy needs to start: `proxy.yaml`, an identity, an SSH host key, and a server certificate from a
 * private CA of its own. The configuration is written last: an init that was interrupted is completed by the next
 * one, which keeps the keys that are there, since others may have pinned them.
 * @throws `init.exists` when there is a proxy already, `init.other_role`, `init.invalid_host`, `init.invalid_acme`, `init.failed`, `identity.invalid_name`.
 */
export async function initProxy(options: InitProxyOptions): Promise<InitialisedProxy> {
  const configPath = join(options.dir, 'proxy.yaml');
  const dataDir = join(options.dir, 'data');
  await requireOwnFolder(options.dir, 'proxy');
  if (options.force !== true && (await isThere(configPath))) throw alreadyThere(options.dir, configPath);
  const place = placeOf(options);
  await makeRoleFolders(options.dir, dataDir);
  if (options.force === true) await removeKeys(dataDir);
  await makeIdentity(dataDir, options, configPath);
  const hostKeyPath = join(dataDir, 'ssh_host_ed25519_key');
  if (!(await isThere(hostKeyPath))) await createSshKeyFile(hostKeyPath, `drawbridge-proxy-${options.name}`);
  const tlsDir = join(dataDir, 'tls');
  // Nobody has seen the certificate of a proxy that has no configuration yet.
  await rm(tlsDir, { recursive: true, force: true });
  const { ca } = await createPrivateCa(tlsDir, {
    commonName: `Drawbridge proxy ${options.name}`,
    hosts: place.certificateHosts,
  });
  await writeRoleFile(configPath, renderConfig(options, place));
  return { configPath, ca, publicUrl: place.publicUrl };
}

async function makeIdentity(dataDir: string, options: InitProxyOptions, configPath: string): Promise<void> {
  if (!(await isThere(join(dataDir, 'identity.json')))) {
    await createNodeIdentity(dataDir, 'proxy', options.name);
    return;
  }
  const { name } = await loadNodeIdentity(dataDir);
  if (name !== options.name) throw alreadyThere(options.dir, configPath, name);
}

async function removeKeys(dataDir: string): Promise<void> {
  for (const name of ['identity.json', 'ssh_host_ed25519_key'])
    await rm(join(dataDir, name), { force: true });
}

function alreadyThere(dir: string, configPath: string, name?: string): DrawbridgeError {
  const named = name === undefined ? '' : ` "${name}"`;
  return new DrawbridgeError('init.exists', `There is a proxy${named} in ${dir} already.`, {
    hint: `Start it with \`drawbridge proxy start --config ${configPath}\`, make a service of it with \`drawbridge proxy install --config ${configPath}\`, choose another folder, or start over with --force.`,
  });
}

function renderConfig(options: InitProxyOptions, place: Place): string {
  return `# The vendor's proxy: the meeting point of operators and bastions.
# Paths are relative to this file. Durations are written 30s, 5m, 8h.
role: proxy
name: ${yamlText(options.name)}
dataDir: data

# Where bastions dial and operators log in.
https:
  host: ${yamlText(place.listenHost)}
  port: ${options.httpsPort}
# The same, as others reach it. It must be reachable from the customers' networks.
publicUrl: ${place.publicUrl}

# Where \`ssh -J\` goes. Set publicPort if others reach it under another port.
ssh:
  host: ${yamlText(place.listenHost)}
  port: ${options.sshPort}
  publicHost: ${yamlText(place.publicHost)}

${tlsYaml(options.acme)}
# How long the key of a login lives, at most 8h.
logins:
  lifetime: 8h

# Identity providers that operators may sign in with; see docs/identity-provider.md.
# providers:
#   - name: okta
#     issuer: https://example.okta.com
#     clientId: a public client without a secret
#     groupsClaim: groups
# How to reach them, when not directly. Without 'proxy' the environment's https_proxy counts.
# egress:
#   proxy: http://user:password@proxy.example.com:3128
#   caBundle: /etc/ssl/certs/company.pem

# OpenSSH user certificates of your own CA; see docs/operators.md. A file that can't be read lets nobody in by them.
# userCertificates:
#   ca: user-ca.pub           # public keys of the CAs, one per line
#   revoked: revoked.txt      # serial:N, id:KEY ID, a public key or SHA256:… per line; may be empty
#   oneTimeCode: required     # or not_required: then the certificate alone lets in

# How long live sessions may go on when the proxy is told to stop.
drain: 5s

# level: fatal, error, warn, info, debug or trace; format: auto, pretty or json.
log:
  level: info
  format: auto
`;
}

/** A text as a YAML scalar: plain where nothing else can be meant, else quoted. */
function yamlText(text: string): string {
  const plain =
    isIP(text) === 4 || (/^[A-Za-z][A-Za-z0-9._-]*$/.test(text) && !/^(true|false|null)$/i.test(text));
  return plain ? text : JSON.stringify(text);
}
