import { z } from 'zod';

/**
 * An evidence archive is a tar: the manifest first, then public keys, counter-signed checkpoints, events and recordings,
 * and a file at the end that says that nothing is missing behind it. All of it can be checked while it streams by.
 */
export const MANIFEST_NAME = 'manifest.json';
export const KEYS_FOLDER = 'keys/';
export const WITNESSED_FOLDER = 'witnessed/';
export const EVENTS_FOLDER = 'events/';
export const RECORDINGS_FOLDER = 'recordings/';
export const END_NAME = 'end.json';

/** Events that are put into one file, and the bytes beyond which a file is closed before. */
export const SEGMENT_EVENTS = 2_000;
export const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Largest file of lines that is taken when an archive is read: two limits of ours and one line. */
export const TEXT_LIMIT_BYTES = 16 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const manifestSchema = z.object({
  format: z.literal('drawbridge-evidence'),
  v: z.literal(1),
  role: z.enum(['bastion', 'proxy']),
  /** Id of the role whose log it is. */
  id: z.string().regex(/^[pb]-[a-z2-7]{16}$/),
  name: z.string(),
  createdAt: z.string(),
  createdBy: z.string(),
  firstSeq: z.int().min(1),
  lastSeq: z.int().min(0),
  since: z.string().optional(),
  until: z.string().optional(),
  /** What lies before the first event: how to go on with chain and tree from there. Checked by the signed checkpoints. */
  before: z.object({
    hash: sha256,
    subtrees: z.array(z.string().length(44)).max(64),
    /** Renewals of the role's key that lie before the first event. */
    successions: z.array(z.string().max(4096)).max(64).default([]),
  }),
  /** All renewals of the key, so that any of the keys is enough to verify with. */
  successions: z.array(z.string().max(4096)).max(64).default([]),
  recordings: z.enum(['all', 'none']),
});
export type Manifest = z.infer<typeof manifestSchema>;

export const endSchema = z.object({
  events: z.int().min(0),
  recordings: z.int().min(0),
  /** Recordings that the log names and that were not there when the archive was made. */
  missing: z.array(z.string()).max(100_000),
  /** In a part of the log: those that were deleted in order, which the log says behind this part. */
  deletedLater: z.array(z.string()).max(100_000).default([]),
});
export type ArchiveEnd = z.infer<typeof endSchema>;
