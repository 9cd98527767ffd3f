import { z } from 'zod';
import { formatBytes, formatDuration } from './format.ts';

const count = z.number().optional();

/** The limits that come with an answer of the policy, as far as this command knows them. */
const limitsSchema = z.object({
  sessionMs: count,
  idleMs: count,
  sessions: count,
  sessionsTotal: count,
  newPerMinute: count,
  fileSizeBytes: count,
  transfers: z.object({ up: z.boolean(), down: z.boolean() }).optional(),
});

/** Limits as sentences for people, in the order in which a policy file has them; nothing for what is not limited. */
export function limitLines(limits: Readonly<Record<string, unknown>>): string[] {
  const { sessionMs, idleMs, sessions, sessionsTotal, newPerMinute, fileSizeBytes, transfers } =
    limitsSchema.parse(limits);
  const line = (value: number | undefined, text: (value: number) => string): string[] =>
    value === undefined ? [] : [text(value)];
  return [
    ...line(sessionMs, (ms) => `A session ends after ${formatDuration(ms)}.`),
    ...line(idleMs, (ms) => `It ends when no byte has moved for ${formatDuration(ms)}.`),
    ...line(sessions, (most) => `Sessions of the operator at once: ${most}.`),
    ...line(sessionsTotal, (most) => `Sessions of all operators at once: ${most}.`),
    ...line(newPerMinute, (most) => `New sessions of the operator in a minute: ${most}.`),
    ...line(fileSizeBytes, (bytes) => `Largest file: ${formatBytes(bytes)}.`),
    ...transferLine(transfers),
  ];
}

function transferLine(transfers: { readonly up: boolean; readonly down: boolean } | undefined): string[] {
  if (transfers === undefined || (transfers.up && transfers.down)) return [];
  if (transfers.up) return ['Files go to the host only.'];
  return [transfers.down ? 'Files come from the host only.' : 'No files may be transferred.'];
}
