import { AgeCast } from '../recordings/encryption/age-cast.ts';
import { fileKeyFrom, readAgeIdentities } from '../recordings/encryption/age-identity.ts';
import { type CastSource, encryptedCast, isEncryptedCast } from '../recordings/stored-cast.ts';

/**
 * How to read the recording at `path`, with the private keys in the file `identity` when it is encrypted.
 * @throws `recording.encrypted` without keys; `recording.identity_invalid`
 */
export async function readableRecording(path: string, identity: string | undefined): Promise<CastSource> {
  if (!isEncryptedCast(path)) return path;
  if (identity === undefined) throw encryptedCast();
  const fileKeyOf = fileKeyFrom(await readAgeIdentities(identity));
  return () => AgeCast.open(path, fileKeyOf);
}
