import { InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../shared/config/duration.ts';

/** An option's parser for durations (`30m`, `2h`), in milliseconds. */
export function duration(text: string): number {
  try {
    return parseDurationMs(text);
  } catch {
    throw new InvalidArgumentError('It must be a duration such as 30m or 2h.');
  }
}
