import { z } from 'zod';

/** What every part of the API shares. */

/** A moment as the API writes it. */
export const isoTime = z.string().describe('ISO 8601, UTC');

/** A reason or message that a person wrote. */
export const shortText = z.string().trim().min(1).max(200);

/** Name of a host, as wide as any name system takes it. */
export const hostName = z.string().min(1).max(253);

/** The body of every refusal. */
export const problemSchema = z.object({
  code: z.string().describe('Stable and dotted; programs match on it'),
  message: z.string().describe('One sentence for people'),
  hint: z.string().optional().describe('What to do about it'),
});

export const doneSchema = z.object({ ok: z.literal(true) });

export type Problem = z.infer<typeof problemSchema>;
