import { readFile } from 'node:fs/promises';
import { DrawbridgeError, messageOf } from '../errors.ts';

/**
 * The certificate of the private CA that `tls.ca` names, to be handed to those who join; nothing when it names none.
 * @throws `tls.ca_unreadable`
 */
export async function readCa(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new DrawbridgeError(
      'tls.ca_unreadable',
      `The CA certificate ${path} can not be read (${messageOf(cause)}).`,
      {
        hint: 'Name the right file under tls.ca, or remove it when the certificate is from a public CA.',
        cause,
      },
    );
  }
}
