import { z } from 'zod';
import type { Terminal } from './terminal.ts';

const liveEvent = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('header'), header: z.record(z.string(), z.unknown()) }),
  z.looseObject({ kind: z.literal('event'), time: z.number(), code: z.string(), data: z.string() }),
  z.looseObject({ kind: z.literal('end') }),
]);

/** Puts the viewer's terminal back, whatever the watched session left it in. */
const RESET = '\u001b[!p\u001b[?1049l\u001b[?25h\u001b[0m';

/**
 * Writes a live recording to the terminal as it grows. What a session shows are escape sequences on purpose, so they
 * pass unfiltered, and the terminal is reset afterwards.
 */
export async function watchLive(events: AsyncIterable<unknown>, terminal: Terminal): Promise<void> {
  let watched = false;
  try {
    for await (const value of events) {
      watched = true;
      const event = liveEvent.parse(value);
      if (event.kind === 'end') {
        return;
      }
      if (event.kind === 'event' && event.code === 'o') terminal.out.write(event.data);
      if (event.kind === 'header') describe(event.header, terminal);
    }
  } finally {
    if (watched) {
      if (terminal.out.isTTY === true) terminal.out.write(RESET);
      terminal.note('drawbridge: no longer watching');
    }
  }
}

function describe(header: Readonly<Record<string, unknown>>, terminal: Terminal): void {
  const { width, height } = header;
  if (typeof width !== 'number' || typeof height !== 'number') return;
  const own = terminal.out.columns;
  if (own !== undefined && own < width) {
    terminal.note(
      `drawbridge: the operator's terminal is ${width}x${height}; widen yours to see it as they do`,
    );
  }
}
