import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEvents, type StreamEvent } from '../../bastion/page/src/data/read-events.ts';

const frameOf = ({ name, data }: StreamEvent) =>
  `${name === 'message' ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;

/** A body that comes in pieces of the given sizes, over and over. */
function bodyOf(text: string, sizes: readonly number[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  let turn = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      const size = sizes[turn++ % sizes.length] ?? 1;
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}

async function allOf(body: ReadableStream<Uint8Array>): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}

test('events are read whole, however their bytes are cut', async () => {
  const event = fc.record({
    name: fc.constantFrom('message', 'progress', 'report'),
    data: fc.oneof(
      fc.constantFrom('é', '✓ 🙂', 'two\nlines'),
      fc.integer(),
      fc.record({ text: fc.string() }),
    ),
  });
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 5 }), sizes, async (events, cuts) => {
      const text = `retry: 2000\n\n${events.map(frameOf).join(': a comment\n\n')}`;
      expect(await allOf(bodyOf(text, cuts))).toEqual(JSON.parse(JSON.stringify(events)));
    }),
    { numRuns: 15 },
  );
});

test('an event that was cut off is none', async () => {
  expect(await allOf(bodyOf('data: 1\n\ndata: 2', [4]))).toEqual([{ name: 'message', data: 1 }]);
});

test('whoever stops reading lets go of the body', async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const event of readEvents(body)) {
    expect(event.data).toBe(1);
    break;
  }
  expect(cancelled).toBe(true);
});
