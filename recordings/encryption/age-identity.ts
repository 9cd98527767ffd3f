import { readFile } from 'node:fs/promises';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { FileKeyOf } from './age-cast.ts';

const PRIVATE_PREFIX = 'AGE-SECRET-KEY-';

/** Private keys that one file may hold. */
const IDENTITIES_LIMIT = 100;

/** A key pair for encrypted recordings: the private key stays with who may read them. */
export async function generateAgeKeyPair(): Promise<{
  readonly identity: string;
  readonly recipient: string;
}> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** The private keys in a file as age-keygen writes it: one per line, beside empty lines and comments. */
export async function readAgeIdentities(path: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new DrawbridgeError('recording.identity_unreadable', `The key file ${path} can not be read.`, {
      cause: error,
    });
  }
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const isWrong = identities.some((line) => !line.startsWith(PRIVATE_PREFIX));
  if (identities.length > 0 && identities.length <= IDENTITIES_LIMIT && !isWrong) return identities;
  throw new DrawbridgeError('recording.identity_invalid', `${path} is no file of private keys of age.`, {
    hint: 'It has a line that begins with AGE-SECRET-KEY-1, as `drawbridge recordings keygen` or `age-keygen` writes it.',
  });
}

/** Opens files with these private keys. @throws `recording.identity_invalid`, `recording.no_key` */
export function fileKeyFrom(identities: readonly string[]): FileKeyOf {
  const decrypter = new Decrypter();
  try {
    for (const identity of identities) decrypter.addIdentity(identity);
  } catch {
    throw new DrawbridgeError('recording.identity_invalid', 'A private key is damaged: it is no age key.');
  }
  return async (header) => {
    try {
      return await decrypter.decryptHeader(header);
    } catch (error) {
      throw new DrawbridgeError(
        'recording.no_key',
        'None of the keys opens this recording: it is encrypted to others, or its header was changed.',
        { cause: error },
      );
    }
  };
}
