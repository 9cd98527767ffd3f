import { join } from 'node:path';
import { DrawbridgeError } from '../errors.ts';
import { isThere } from '../store/is-there.ts';

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
