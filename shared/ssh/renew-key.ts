import { readFile } from 'node:fs/promises';
import { systemCodeOf } from '../errors.ts';
import { writeWholeFile } from '../store/whole-file.ts';
import { generateSshKey, loadSshKeyFile } from './keys.ts';

const PUBLIC_MODE = 0o600;

/**
 * Puts a fresh Ed25519 key in the place of the one in this file, in one step; also the public line beside it, where there
 * is one. A role that runs goes on with the old key until it is started again.
 * @returns fingerprints
 * @throws `ssh.key_unreadable`, `ssh.invalid_key`
 */
export async function renewSshKeyFile(
  path: string,
  comment: string,
): Promise<{ readonly before: string; readonly after: string }> {
  const { fingerprint: before } = await loadSshKeyFile(path);
  const { privateKey } = generateSshKey(comment);
  await writeWholeFile(path, privateKey);
  const { fingerprint: after, publicLine } = await loadSshKeyFile(path);
  if (await exists(`${path}.pub`))
    await writeWholeFile(`${path}.pub`, `${publicLine} ${comment}\n`, PUBLIC_MODE);
  return { before, after };
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
