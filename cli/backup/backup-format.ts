import { z } from 'zod';

/** A backup is a tar: this first, then databases, keys and recordings, and their digests at the end. */
export const BACKUP_NAME = 'backup.json';
export const SUMS_NAME = 'sums.json';
/** What lies in the data directory. */
export const DATA_FOLDER = 'data/';
export const RECORDINGS_FOLDER = 'recordings/';
/** The configuration, and the files that it names outside of the data directory. */
export const CONFIG_FOLDER = 'config/';

export const backupSchema = z.object({
  format: z.literal('drawbridge-backup'),
  v: z.literal(1),
  /** Backups of the first versions do not say: they are of bastions. */
  role: z.enum(['bastion', 'proxy']).default('bastion'),
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  createdBy: z.string(),
  /** Where the recordings lay: paths in the index change with it. */
  recordingsDir: z.string(),
});
export type Backup = z.infer<typeof backupSchema>;

export const sumsSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));
