import { z } from 'zod';
import type { Cli } from '../cli.ts';

/** What the proxy answers when something was taken away: how many connections went with it. */
export const cutAnswer = z.looseObject({ cut: z.number().optional() });

/** Says what was done, and how many connections went with it. */
export function sayWhatWasCut({ terminal }: Cli, done: string, { cut = 0 }: z.infer<typeof cutAnswer>): void {
  terminal.line(done);
  if (cut > 0) terminal.note(cut === 1 ? 'One connection was cut.' : `${cut} connections were cut.`);
}
