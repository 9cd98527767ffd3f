import { chmod, chown, lstat, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { loadAgentConfig } from '../../agent/config.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { isThere } from '../../shared/store/is-there.ts';
import { writeWholeFile } from '../../shared/store/whole-file.ts';
import { type RolePlace, readRolePlace } from '../role-config.ts';
import {
  type LastWords,
  type RunProgram,
  readLastWords,
  readSystemdVersion,
  runSystemProgram,
} from './system.ts';
import { renderUnit, requireUsablePaths, SERVICE_ACCOUNT, unitName } from './unit.ts';

const UNIT_DIRECTORY = '/etc/systemd/system';

/** Units hold no secrets, and systemd's tools look at them for everybody. */
const WORLD_READABLE = 0o644;
const SYSTEMD_RUNS = '/run/systemd/system';

/** Where units go and how programs are run; tests give others. */
export interface ServiceSystem {
  readonly unitDirectory: string;
  /** Whose the files of a confined role become. */
  readonly accountName: string;
  /** Whether systemd runs this machine. */
  isRunning(): Promise<boolean>;
  readonly run: RunProgram;
  /** Of systemd, if it is there. */
  version(): Promise<number | undefined>;
  /** What a unit that did not start said last. */
  lastWords(unit: string): Promise<LastWords | undefined>;
}

/** This machine. */
export const thisSystem: ServiceSystem = {
  unitDirectory: UNIT_DIRECTORY,
  accountName: SERVICE_ACCOUNT,
  isRunning: () => isThere(SYSTEMD_RUNS),
  run: runSystemProgram,
  version: readSystemdVersion,
  lastWords: readLastWords,
};

/**
 * Refuses what {@link installService} would refuse, before anything that can be done only once: keys are made, a token
 * is spent.
 * @throws `service.not_root`, `service.unusable_path`
 */
export function requireInstallable(
  parts: { readonly configPath: string; readonly entryPath: string },
  startsShells = false,
): void {
  requireRoot();
  requireUsablePaths([parts.configPath, process.execPath, parts.entryPath], startsShells);
}

/** Whether a role's unit is on this machine. */
export function isInstalled(role: RolePlace['role'], system: ServiceSystem = thisSystem): Promise<boolean> {
  return isThere(join(system.unitDirectory, unitName(role)));
}

/** What an installation has done. */
export interface InstalledService {
  readonly unitPath: string;
  readonly started: boolean;
}

/**
 * Writes the systemd unit of the role that this config file is for, gives its files to the service's account, and
 * starts it now and at every boot. Safe to repeat.
 * @throws `service.not_root`, `service.unusable_path`, `service.command_failed`, `service.not_started`, `config.*`
 */
export async function installService(
  configPath: string,
  entryPath: string,
  system: ServiceSystem = thisSystem,
): Promise<InstalledService> {
  requireRoot();
  const place = await readRolePlace(configPath);
  const startsShells = place.role === 'agent' && (await loadAgentConfig(configPath)).target === 'builtin';
  const writable = [...new Set([place.dataDir, ...(place.role === 'bastion' ? [place.recordingsDir] : [])])];
  const systemdVersion = await system.version();
  const unit = renderUnit({
    ...(systemdVersion === undefined ? {} : { systemdVersion }),
    role: place.role,
    configPath,
    writable,
    command: [process.execPath, entryPath],
    startsShells,
  });
  if (!startsShells) await giveToAccount(place, system);
  const unitPath = join(system.unitDirectory, unitName(place.role));
  await writeWholeFile(unitPath, unit, WORLD_READABLE);
  const started = await system.isRunning();
  if (!started) await wantAtBoot(unitPath);
  if (started) {
    await system.run('systemctl', ['daemon-reload']);
    await system.run('systemctl', ['enable', unitName(place.role)]);
    await restart(unitName(place.role), system);
  }
  return { unitPath, started };
}

/** systemd itself says only where to look for why. */
async function restart(unit: string, system: ServiceSystem): Promise<void> {
  try {
    await system.run('systemctl', ['restart', unit]);
  } catch (cause) {
    const words = await system.lastWords(unit);
    if (words === undefined) throw cause;
    throw new DrawbridgeError('service.not_started', `${unit} did not start: ${words.sentence}`, {
      hint: `${words.hint === undefined ? '' : `${words.hint} `}It is tried again every few seconds: systemctl status ${unit}`,
      cause,
    });
  }
}

/**
 * Stops a role's service and takes its unit away. Configuration, keys and evidence stay, unless `purge` says
 * otherwise.
 * @throws `service.not_root`, `service.command_failed`, `config.*` with `purge`
 */
export async function uninstallService(
  role: RolePlace['role'],
  options: { readonly purge?: { readonly configPath: string } } = {},
  system: ServiceSystem = thisSystem,
): Promise<{ readonly removed: readonly string[] }> {
  requireRoot();
  const place = options.purge === undefined ? undefined : await readRolePlace(options.purge.configPath);
  if (place !== undefined) requireRole(place, role);
  const unitPath = join(system.unitDirectory, unitName(role));
  const wasThere = await isThere(unitPath);
  if (wasThere && (await system.isRunning())) {
    await system.run('systemctl', ['disable', '--now', unitName(role)]);
  }
  await rm(wantedPath(unitPath), { force: true });
  const doomed = [
    ...(wasThere ? [unitPath] : []),
    ...(place === undefined ? [] : [place.recordingsDir, place.dataDir, place.configPath]),
  ];
  const removed: string[] = [];
  for (const path of doomed) {
    if (!(await isThere(path))) continue;
    await rm(path, { recursive: true });
    removed.push(path);
  }
  if (wasThere && (await system.isRunning())) await system.run('systemctl', ['daemon-reload']);
  return { removed };
}

/** Makes the account if it is missing, and the role's files its own. The config file stays root's, and readable. */
async function giveToAccount(place: RolePlace, system: ServiceSystem): Promise<void> {
  let account = await findAccount(system.accountName);
  if (account === undefined) {
    const shell = '/usr/sbin/nologin';
    await system.run('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      shell,
      system.accountName,
    ]);
    account = await findAccount(system.accountName);
  }
  if (account === undefined)
    throw new DrawbridgeError('service.no_account', `The account ${system.accountName} could not be made.`);
  for (const directory of [place.dataDir, place.recordingsDir]) {
    if (await isThere(directory)) await giveTree(directory, account);
  }
  const folder = dirname(place.configPath);
  const { mode } = await lstat(folder);
  if ((mode & 0o001) === 0) {
    await chown(folder, 0, account.gid);
    await chmod(folder, 0o750);
  }
  await chown(place.configPath, 0, account.gid);
  await chmod(place.configPath, 0o640);
}

/** Symbolic links are given themselves, never what they lead to: the folder may hold what others put there. */
async function giveTree(path: string, account: { uid: number; gid: number }): Promise<void> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return;
  await chown(path, account.uid, account.gid);
  if (!found.isDirectory()) return;
  for (const name of await readdir(path)) await giveTree(join(path, name), account);
}

async function findAccount(name: string): Promise<{ uid: number; gid: number } | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  const fields = lines.map((line) => line.split(':')).find((parts) => parts[0] === name);
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  return fields !== undefined && Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
}

/** What `systemctl enable` does, where systemd does not run yet: in an image, or before the first boot. */
async function wantAtBoot(unitPath: string): Promise<void> {
  const wanted = wantedPath(unitPath);
  await mkdir(dirname(wanted), { recursive: true });
  await rm(wanted, { force: true });
  await symlink(unitPath, wanted);
}

function wantedPath(unitPath: string): string {
  return join(dirname(unitPath), 'multi-user.target.wants', basename(unitPath));
}

/** @throws `usage.role` for the config file of another role */
export function requireRole(place: RolePlace, role: RolePlace['role']): void {
  if (place.role === role) return;
  throw new DrawbridgeError('usage.role', `${place.configPath} is the config file of a ${place.role}.`);
}

/** @throws `service.not_root` */
function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new DrawbridgeError('service.not_root', 'Only root can install or remove a service.', {
    hint: 'Run the same command with sudo.',
  });
}
