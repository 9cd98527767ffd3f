import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AcmeChoice } from '../../shared/acme/template.ts';
import { AuditLog } from '../../shared/audit/log.ts';
import { systemClock } from '../../shared/clock.ts';
import { makeRoleFolders, requireOwnFolder, writeRoleFile } from '../../shared/config/role-folder.ts';
import { placeOf } from '../../shared/config/role-place.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import {
  createNodeIdentity,
  loadNodeIdentity,
  type NodeIdentity,
} from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { createSshKeyFile, loadSshKeyFile } from '../../shared/ssh/keys.ts';
import { Database } from '../../shared/store/database.ts';
import { lockDirectory } from '../../shared/store/directory-lock.ts';
import { isThere } from '../../shared/store/is-there.ts';
import { createPrivateCa } from '../../shared/tls/private-ca.ts';
import { AdminAccounts, type NewAdminCredentials } from '../admins/admin-accounts.ts';
import { BASTION_MIGRATIONS } from '../store/migrations.ts';
import { bastionYaml, policyYaml } from './templates.ts';

/** What a new bastion is to be. */
export interface InitBastionOptions {
  /** Folder for `bastion.yaml` and `data/`; made if missing. */
  readonly dir: string;
  /** The customer's name, as operators will see it: hosts are HOST.NAME for them. */
  readonly name: string;
  /** Address to listen on; every address unless given. */
  readonly host?: string;
  readonly httpsPort: number;
  /** DNS name or IP address under which agents and browsers reach it; `host` unless given, else `localhost`. */
  readonly publicHost?: string;
  /** Let the role get its certificate by ACME. */
  readonly acme?: AcmeChoice;
  /** The first administrator; `admin`, with a password that is made, unless given. */
  readonly admin?: { readonly username: string; readonly password?: string };
}

/** Where a bastion's things are, and how its administrator signs in. Shown once. */
export interface InitialisedBastion {
  readonly configPath: string;
  /** Path of the private CA's certificate (PEM). */
  readonly ca: string;
  readonly publicUrl: string;
  readonly admin: {
    readonly username: string;
    /** Good once, for a day, as soon as the bastion runs: password and authenticator are chosen there. */
    readonly setupUrl: string;
  } & NewAdminCredentials;
}

/**
 * Makes what a bastion needs to start: configuration, first policy, identity, SSH keys, certificate and first
 * administrator. The configuration is written last, so that an init that was interrupted is completed by the next one,
 * with the keys that are there.
 * @throws `init.exists`, `init.other_role`, `init.invalid_host`, `init.invalid_acme`, `init.failed`, `identity.invalid_name`, `admin.*`, `store.*`.
 */
export async function initBastion(options: InitBastionOptions): Promise<InitialisedBastion> {
  const configPath = join(options.dir, 'bastion.yaml');
  const dataDir = join(options.dir, 'data');
  await requireOwnFolder(options.dir, 'bastion');
  if (await isThere(configPath)) throw alreadyThere(options.dir, configPath);
  const place = placeOf(options);
  await makeRoleFolders(options.dir, dataDir);
  const lock = await lockDirectory(dataDir);
  try {
    const identity = await makeIdentity(dataDir, options, configPath);
    await makeSshKey(join(dataDir, 'ssh_host_ed25519_key'), `drawbridge-bastion-${options.name}`);
    const clientKeyPath = join(dataDir, 'ssh_client_ed25519_key');
    await makeSshKey(clientKeyPath, `drawbridge-bastion-${options.name}`);
    const { publicLine } = await loadSshKeyFile(clientKeyPath);
    await writeRoleFile(`${clientKeyPath}.pub`, `${publicLine} drawbridge-bastion-${options.name}\n`);
    const tlsDir = join(dataDir, 'tls');
    // Nobody has pinned the certificate of a bastion that has no configuration yet.
    await rm(tlsDir, { recursive: true, force: true });
    const { ca } = await createPrivateCa(tlsDir, {
      commonName: `Drawbridge bastion ${options.name}`,
      hosts: place.certificateHosts,
    });
    const policyPath = join(dataDir, 'policy.yaml');
    if (!(await isThere(policyPath))) await writeRoleFile(policyPath, policyYaml());
    const admin = await makeAdministrator(dataDir, identity, options, place.publicUrl);
    await writeRoleFile(
      configPath,
      bastionYaml({ ...place, name: options.name, httpsPort: options.httpsPort, acme: options.acme }),
    );
    return { configPath, ca, publicUrl: place.publicUrl, admin };
  } finally {
    await lock.release();
  }
}

async function makeAdministrator(
  dataDir: string,
  identity: NodeIdentity,
  options: InitBastionOptions,
  publicUrl: string,
): Promise<InitialisedBastion['admin']> {
  const database = await Database.open(join(dataDir, 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'FULL',
  });
  const audit = await AuditLog.open(dataDir, { identity, clock: systemClock, log: silentLogger() });
  try {
    const admins = new AdminAccounts({
      ...{ database, audit, clock: systemClock, bastionName: options.name },
      publicUrl: () => publicUrl,
    });
    const { username, password } = options.admin ?? { username: 'admin' };
    // An init that was interrupted may have made the account, with a password that nobody has seen.
    await database.run('DELETE FROM admins WHERE username = ?', [username]);
    const account = { username, role: 'admin', ...(password === undefined ? {} : { password }) } as const;
    const made = await admins.create(account);
    const { url: setupUrl } = await admins.administration.link('system', username);
    return { username, ...made, setupUrl };
  } finally {
    await audit.close();
    await database.close();
  }
}

async function makeIdentity(
  dataDir: string,
  options: InitBastionOptions,
  configPath: string,
): Promise<NodeIdentity> {
  if (!(await isThere(join(dataDir, 'identity.json')))) {
    return createNodeIdentity(dataDir, 'bastion', options.name);
  }
  const identity = await loadNodeIdentity(dataDir);
  if (identity.name !== options.name) throw alreadyThere(options.dir, configPath, identity.name);
  return identity;
}

async function makeSshKey(path: string, comment: string): Promise<void> {
  if (!(await isThere(path))) await createSshKeyFile(path, comment);
}

function alreadyThere(dir: string, configPath: string, name?: string): DrawbridgeError {
  const named = name === undefined ? '' : ` "${name}"`;
  return new DrawbridgeError('init.exists', `There is a bastion${named} in ${dir} already.`, {
    hint: `Start it with \`drawbridge bastion start --config ${configPath}\`, make a service of it with \`drawbridge bastion install --config ${configPath}\`, or choose another folder.`,
  });
}
