import { z } from 'zod';
import { parseAgeRecipient, RECIPIENTS_LIMIT } from '../../recordings/encryption/age-recipient.ts';
import { byteSize, durationBetween, filePath } from '../../shared/config/fields.ts';

const DAY_MS = 86_400_000;

/** `recordings:` of `bastion.yaml` — where they lie, in which form, and how long. */
export const recordingsSection = z
  .strictObject({
    directory: filePath.exactOptional().describe('Where they lie; `recordings` in `dataDir` if left out.'),
    compress: z
      .boolean()
      .default(true)
      .describe('Finished recordings are stored as gzip, which `zcat` reads, once they are old enough.'),
    compressAfter: durationBetween(0, 3650 * DAY_MS, '0s to 3650d')
      .prefault('1d')
      .describe('Until then they stay plain asciicasts, which every tool plays.'),
    keepFor: durationBetween(DAY_MS, 3650 * DAY_MS, '1d to 3650d')
      .exactOptional()
      .describe('Recordings that are older are deleted; without it none is for its age.'),
    keepBytes: byteSize
      .exactOptional()
      .describe(
        'The oldest recordings are deleted while all together take more room; without it none is for room.',
      ),
    encryptTo: z
      .array(
        z.string().refine(isRecipient, 'must be an X25519 public key of age, age1…; never a private key'),
      )
      .min(1)
      .max(RECIPIENTS_LIMIT)
      .exactOptional()
      .describe(
        'Public keys of age (`age1…`) of those who alone can read recordings; without it they are not encrypted.',
      ),
  })
  .prefault({})
  .describe('Recordings of sessions: where they lie, in which form, and how long.');

function isRecipient(text: string): boolean {
  try {
    parseAgeRecipient(text);
    return true;
  } catch {
    return false;
  }
}
