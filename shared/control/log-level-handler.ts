import { z } from 'zod';
import { DrawbridgeError } from '../errors.ts';
import { LOG_LEVELS, type Logger } from '../log.ts';
import type { ControlHandler } from './handler.ts';

const params = z.object({ level: z.enum(LOG_LEVELS).optional() });

/** The method by which a running role tells and changes what it logs, until its next start or reload. */
export function logLevelHandler(log: Logger): Readonly<Record<string, ControlHandler>> {
  return {
    'log.level': async (given, { actor }) => {
      const parsed = params.safeParse(given ?? {});
      if (!parsed.success) {
        throw new DrawbridgeError('usage.params', `A level is one of ${LOG_LEVELS.join(', ')}.`);
      }
      const { level } = parsed.data;
      const before = log.level;
      if (level !== undefined && level !== before) {
        // Said on either side of the change, so that a log that falls silent says why.
        log.warn({ actor, from: before, to: level }, 'the level of the log is changed');
        log.level = level;
        log.warn({ actor, from: before, to: level }, 'the level of the log was changed');
      }
      return { level: log.level, before };
    },
  };
}
