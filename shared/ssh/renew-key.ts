import { readFile } from 'node:fs/promises';
import { systemCodeOf } from '../errors.ts';
import { writeWholeFile } from '../store/whole-file.ts';
import { generateSshKey, loadSshKeyFile } from './keys.ts';

const PUBLIC_MODE = 0o600;

/**
 * Puts a fresh Ed25519 key in the place of the one in this file, in one step; then also the public line beside it, where
 * there is one. A role that runs goes on with the old key until it is started again. What was cut off between the two
 * files is mended by the next renewal, and by {@link mendPublicLine}.
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
  const { fingerprint: after } = await loadSshKeyFile(path);
  await mendPublicLine(path, comment);
  return { before, after };
}

/**
 * Makes `PATH.pub`, where there is one, tell the public half of the key in the file.
 * @returns whether it told another one
 * @throws `ssh.key_unreadable`, `ssh.invalid_key`
 */
export async function mendPublicLine(path: string, comment: string): Promise<boolean> {
  const { publicLine } = await loadSshKeyFile(path);
  const told = await readIfThere(`${path}.pub`);
  if (told === undefined || told.split(/\s+/).slice(0, 2).join(' ') === publicLine) return false;
  await writeWholeFile(`${path}.pub`, `${publicLine} ${comment}\n`, PUBLIC_MODE);
  return true;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
