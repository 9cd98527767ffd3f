import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DrawbridgeError, messageOf } from '../errors.ts';
import { isThere } from '../store/is-there.ts';
import { writeWholeFile } from '../store/whole-file.ts';

/** The roles; each has its config file, `ROLE.yaml`, in a folder of its own, with its keys in `data/` beside it. */
const ROLES = ['proxy', 'bastion', 'agent'] as const;

/**
 * Refuses a folder in which another role lives: both would use the keys and databases in its `data/`.
 * @throws `init.other_role`
 */
export async function requireOwnFolder(dir: string, role: (typeof ROLES)[number]): Promise<void> {
  for (const other of ROLES) {
    if (other === role || !(await isThere(join(dir, `${other}.yaml`)))) continue;
    throw new DrawbridgeError('init.other_role', `The folder ${dir} is the one of ${withArticle(other)}.`, {
      hint: `Each role has a folder of its own: choose another with --dir, such as /etc/drawbridge-${role}.`,
    });
  }
}

function withArticle(role: (typeof ROLES)[number]): string {
  return `${role === 'agent' ? 'an' : 'a'} ${role}`;
}

/** Makes the folder of a role, and its data directory, which is its owner's alone. @throws `init.failed` */
export async function makeRoleFolders(dir: string, dataDir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await chmod(dataDir, 0o700);
  } catch (error) {
    throw new DrawbridgeError('init.failed', `The folder ${dir} can not be made: ${messageOf(error)}.`, {
      hint: 'Choose a folder that this account may write to.',
      cause: error,
    });
  }
}

/** Writes a file of a role that is being set up, whole or not at all. @throws `init.failed` */
export async function writeRoleFile(path: string, text: string): Promise<void> {
  try {
    await writeWholeFile(path, text);
  } catch (error) {
    throw new DrawbridgeError('init.failed', `${path} can not be written: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}
