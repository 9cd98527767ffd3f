import { z } from 'zod';
import { byteSize, durationBetween, filePath } from '../../shared/config/fields.ts';

const DAY_MS = 86_400_000;

/** `recordings:` of `bastion.yaml` — where they lie, in which form, and how long. */
export const recordingsSection = z
  .strictObject({
    directory: filePath.exactOptional(),
    /** Finished recordings are stored as gzip, which `zcat` reads, once they are old enough. */
    compress: z.boolean().default(true),
    /** Until then they stay plain asciicasts, which every tool plays. */
    compressAfter: durationBetween(0, 3650 * DAY_MS, '0s to 3650d').prefault('1d'),
    /** Recordings that are older are deleted; without it none is for its age. */
    keepFor: durationBetween(DAY_MS, 3650 * DAY_MS, '1d to 3650d').exactOptional(),
    /** The oldest recordings are deleted while all together take more room; without it none is for room. */
    keepBytes: byteSize.exactOptional(),
  })
  .prefault({});
