import { readFile, stat } from 'node:fs/promises';
import { DrawbridgeError, systemCodeOf } from '../errors.ts';

const SECRET_LIMIT_BYTES = 4 * 1024;

/** What a destination knows us by, as its config section has it. */
export interface DestinationCredentials {
  readonly platformId?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly tokenFile?: string;
}

/** The headers that say who we are. Secrets are read anew each time, so that they can be renewed without a restart. @throws `ship.no_secret` */
export async function credentialHeaders(given: DestinationCredentials): Promise<Record<string, string>> {
  const { platformId, username, passwordFile, tokenFile } = given;
  const headers: Record<string, string> = platformId === undefined ? {} : { 'x-platform-id': platformId };
  if (tokenFile !== undefined) headers['authorization'] = `Bearer ${await readSecret(tokenFile)}`;
  else if (username !== undefined && passwordFile !== undefined) {
    const pair = Buffer.from(`${username}:${await readSecret(passwordFile)}`).toString('base64');
    headers['authorization'] = `Basic ${pair}`;
  }
  return headers;
}

/** The secret in a file that is its owner's alone. @throws `ship.no_secret` */
export async function readSecret(path: string): Promise<string> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) throw new Error('others may read it: chmod 600');
    if (size > SECRET_LIMIT_BYTES) throw new Error('it is too large');
    const secret = (await readFile(path, 'utf8')).trim();
    if (!/^[\x21-\x7e]+$/.test(secret)) throw new Error('it holds no secret of printable characters');
    return secret;
  } catch (error) {
    const why = systemCodeOf(error) ?? (error instanceof Error ? error.message : 'unknown');
    throw new DrawbridgeError('ship.no_secret', `The secret in ${path} can not be used: ${why}.`);
  }
}
