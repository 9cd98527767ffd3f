import { z } from 'zod';
import type { Json } from '../../shared/audit/event.ts';
import type { ControlHandler } from '../../shared/control/handler.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { REASON_LIMIT } from '../retention/retention.ts';
import type { RecordingParts } from '../search/open-library.ts';
import type { BastionService } from '../service.ts';

const session = z.string().min(1).max(64);
const channel = z.int().min(1).max(1_000_000).optional();
const reason = z.string().trim().min(1).max(REASON_LIMIT);

const schemas = {
  open: z.object({ session, channel }),
  keep: z.object({ session, reason }),
  // Strict: a misspelt channel would delete them all.
  delete: z.strictObject({ session, channel, reason }),
  search: z.object({ text: z.string().trim().min(1).max(200), limit: z.int().min(1).max(100).default(20) }),
};

/** The methods of the control socket about recordings: look (audited), search, commands, hold, release, delete. */
export function recordingHandlers(
  service: Pick<BastionService, 'openRecording'>,
  { library, retention }: RecordingParts,
): Readonly<Record<string, ControlHandler>> {
  return {
    'recordings.open': async (params, { actor }) => {
      const wanted = read(schemas.open, params);
      const { path, sizeBytes } = await service.openRecording(actor, wanted.session, wanted.channel);
      return { path, sizeBytes };
    },
    'recordings.search': async (params, { actor }) => {
      const { text, limit } = read(schemas.search, params);
      const { results, complete } = await library.search(actor, { text, limit });
      return JSON.parse(JSON.stringify({ results, complete })) as Json;
    },
    'recordings.commands': async (params, { actor }) => {
      const wanted = read(schemas.open, params);
      const found = await library.commands(actor, wanted.session, wanted.channel);
      return JSON.parse(JSON.stringify(found)) as Json;
    },
    'recordings.holds': async () => (await retention.holds()).map((hold) => ({ ...hold })),
    'recordings.hold': async (params, { actor }) => {
      const wanted = read(schemas.keep, params);
      await retention.hold(actor, wanted.session, wanted.reason);
    },
    'recordings.release': async (params, { actor }) => {
      const wanted = read(schemas.keep, params);
      await retention.release(actor, wanted.session, wanted.reason);
    },
    'recordings.delete': async (params, { actor }) => {
      const wanted = read(schemas.delete, params);
      const deleted = await retention.delete(actor, wanted.session, wanted.channel, wanted.reason);
      return { deleted };
    },
  };
}

function read<T>(schema: z.ZodType<T>, params: Json): T {
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DrawbridgeError(
    'usage.params',
    `The parameters are not right: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
  );
}
