import { closeSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const MARK = '.schema-';

/** Where the copy of the database at `path` lies that was made before its schema left this version. */
export function schemaBackupPath(path: string, version: number): string {
  return `${path}${MARK}${version}`;
}

/**
 * Keeps a database as it was before a migration, in case the older program is wanted again: `copy` writes it into a new
 * file, which appears whole or not at all. Copies of still older schemas are removed then.
 */
export async function keepBeforeMigration(
  path: string,
  version: number,
  copy: (target: string) => Promise<void>,
): Promise<void> {
  const target = schemaBackupPath(path, version);
  const temporary = `${target}.new`;
  rmSync(temporary, { force: true });
  try {
    // SQLite takes an empty file as it is, and would let others read one that it makes.
    closeSync(openSync(temporary, 'wx', 0o600));
    await copy(temporary);
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { force: true });
  }
  const others = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}${MARK}`));
  for (const name of others)
    if (name !== basename(target)) rmSync(join(dirname(path), name), { force: true });
}
