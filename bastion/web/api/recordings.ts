import { z } from 'zod';
import { SHORTEST_PAUSE_S } from '../../../recordings/pauses.ts';
import { hostName, isoTime } from './fields.ts';
import { channelQuerySchema, sessionSchema } from './sessions.ts';

/** Finding, seeking, keeping and deleting recordings. */

export const searchQuerySchema = z.object({
  q: z.string().trim().min(1).max(200).describe('Whole words that must all occur'),
  operator: z.string().max(200).optional(),
  host: hostName.optional(),
  from: z.iso.datetime({ offset: true }).optional().describe('Only sessions that started then or later'),
  to: z.iso.datetime({ offset: true }).optional().describe('Only sessions that started then or earlier'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});

/** A line that was on the screen: text to show as it is, never markup. */
export const screenHitSchema = z.object({
  channel: z.number(),
  timeS: z.number().describe('Seconds from the start of the recording at which it was seen first'),
  text: z.string(),
});

export const inSessionQuerySchema = z.object({
  q: z.string().trim().min(1).max(200),
  channel: z.coerce.number().int().min(1).max(1_000_000).default(1),
});

export const inSessionResultSchema = z.object({
  hits: z.array(screenHitSchema).readonly(),
  complete: z.boolean().describe('false when there are more hits, or when it has not been read to its end'),
});

export const commandsQuerySchema = z.object({
  channel: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('All recordings of the session when left out'),
});

export const commandListSchema = z.object({
  commands: z
    .array(
      z.object({
        channel: z.number(),
        timeS: z.number().describe('Seconds from the start of the recording at which Enter was pressed'),
        text: z.string().describe('As the screen showed it: text to show as it is, never markup'),
      }),
    )
    .readonly(),
  complete: z
    .boolean()
    .describe('false when there are more than are listed, or when a recording has not been read to its end'),
});

export const replayQuerySchema = channelQuerySchema.extend({
  pauseLimit: z.coerce
    .number()
    .min(SHORTEST_PAUSE_S)
    .max(3_600)
    .optional()
    .describe('Times as if no pause had been longer, in seconds; as they were when left out'),
});

export const replayIndexSchema = z.object({
  version: z.literal(1),
  duration: z.number().describe('Seconds'),
  term: z.object({ cols: z.number(), rows: z.number() }),
  segments: z.array(z.object({ start: z.number(), number: z.number(), url: z.string() })).readonly(),
  markers: z.array(z.tuple([z.number(), z.string()]).readonly()).readonly(),
  pauses: z
    .array(z.tuple([z.number(), z.number()]).readonly())
    .readonly()
    .describe('From and to of what is longer than a second, as it was recorded'),
});

export type ReplayIndex = z.infer<typeof replayIndexSchema>;

export const replaySegmentSchema = z.object({
  snapshot: z.object({ cols: z.number(), rows: z.number(), init: z.string() }),
  events: z.array(z.tuple([z.number(), z.string(), z.string()]).readonly()).readonly(),
});

export const segmentNumberSchema = z.object({
  id: z.string().min(1).max(100),
  number: z.coerce.number().int().min(0).max(10_000_000),
});

const keepingReason = z.string().trim().min(1).max(500).describe('Goes into the audit log');

export const holdSchema = z.object({ reason: keepingReason });

/** Strict: a misspelt channel would delete them all. */
export const deleteRecordingsSchema = z.strictObject({
  channel: z.number().int().min(1).max(1_000_000).optional().describe('All of the session when left out'),
  reason: keepingReason,
});

export const deletedRecordingsSchema = z.object({ deleted: z.number() });

export const holdListSchema = z.object({
  holds: z
    .array(z.object({ session: z.string(), reason: z.string(), placedBy: z.string(), placedAt: isoTime }))
    .readonly(),
});

export const searchResultSchema = z.object({
  results: z
    .array(
      z.object({
        session: sessionSchema,
        matches: z.array(
          z.object({
            field: z.enum(['operator', 'host', 'login', 'session', 'source', 'command', 'screen']),
            text: z.string().describe('Text to show as it is, never markup'),
            channel: z.number().optional().describe('With screen: where it was seen'),
            timeS: z.number().optional().describe('With screen: when, in seconds from the start'),
          }),
        ),
      }),
    )
    .readonly(),
  complete: z.boolean().describe('false when there is more to search than one request reads'),
});

export type SearchResult = z.infer<typeof searchResultSchema>;
export type CommandList = z.infer<typeof commandListSchema>;
export type InSessionResult = z.infer<typeof inSessionResultSchema>;
