import { DrawbridgeError } from '../shared/errors.ts';
import { readLines } from './cast-lines.ts';
import {
  type CastEvent,
  type CastHeaderLine,
  EVENT_CODE,
  parseEventLine,
  parseHeaderLine,
} from './format.ts';
import type { CastSource } from './stored-cast.ts';

export { wholeLinesSize } from './stored-cast.ts';

/**
 * Header and events of the recording at `source`, in order, of any length in little memory. Half a line at the end, as
 * a killed writer leaves it, is left out.
 * @throws `recording.malformed` with the line's number.
 */
export async function* readCast(
  source: CastSource,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<CastHeaderLine | CastEvent> {
  let number = 0;
  for await (const lines of readLines(source, options.signal)) {
    for (const line of lines) {
      number++;
      const item = number === 1 ? parseHeaderLine(line) : parseEventLine(line);
      if (item === undefined) throw malformed(number);
      yield item;
    }
  }
}

/** The header of the recording at `source`. @throws `recording.malformed` */
export async function readCastHeader(source: CastSource): Promise<Readonly<Record<string, unknown>>> {
  for await (const item of readCast(source)) {
    if (item.kind === 'header') return item.header;
  }
  throw malformed(1);
}

/**
 * The very bytes of output that were released to the operator, in order, whatever they were.
 *
 * A `b` event holds the bytes of the `o` event behind it; an `o` event alone holds its own. (A `b` at the end of an
 * interrupted recording has lost its `o`: its bytes count.)
 * @throws `recording.malformed`
 */
export async function* rawOutput(
  source: CastSource,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<Buffer> {
  let shownAlready = false;
  for await (const item of readCast(source, options)) {
    if (item.kind === 'header') continue;
    if (item.code === EVENT_CODE.outputBytes) {
      yield Buffer.from(item.data, 'base64');
    } else if (item.code === EVENT_CODE.output && !shownAlready && item.data !== '') {
      yield Buffer.from(item.data, 'utf8');
    }
    shownAlready = item.code === EVENT_CODE.outputBytes;
  }
}

/**
 * What to show of a recording on a terminal: `readCast` with the `b` events left out and, where the channel had no
 * terminal that did it, a carriage return put before each newline.
 * @throws `recording.malformed`
 */
export async function* readCastForDisplay(
  source: CastSource,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<CastHeaderLine | CastEvent> {
  let display = (event: CastEvent): CastEvent => event;
  for await (const item of readCast(source, options)) {
    if (item.kind === 'header') {
      display = displayOf(item.header);
      yield item;
    } else if (item.code !== EVENT_CODE.outputBytes && item.code !== EVENT_CODE.inputBytes) {
      yield display(item);
    }
  }
}

/** Whether the channel had a terminal, as far as its header knows. */
export function hadTerminal(header: Readonly<Record<string, unknown>>): boolean {
  const identity = header['drawbridge'];
  return typeof identity !== 'object' || identity === null || !('pty' in identity) || identity.pty !== false;
}

/** How events of a recording with this header are shown. The function keeps state: use one per pass over the events. */
export function displayOf(header: Readonly<Record<string, unknown>>): (event: CastEvent) => CastEvent {
  if (hadTerminal(header)) return (event) => event;
  let afterReturn = false;
  return (event) => {
    if (event.code !== EVENT_CODE.output || event.data === '') return event;
    const data = (afterReturn && event.data.startsWith('\n') ? event.data.slice(1) : event.data).replace(
      /(?<!\r)\n/g,
      '\r\n',
    );
    const first = afterReturn && event.data.startsWith('\n') ? '\n' : '';
    afterReturn = event.data.endsWith('\r');
    return { ...event, data: first + data };
  };
}

function malformed(lineNumber: number): DrawbridgeError {
  return new DrawbridgeError(
    'recording.malformed',
    `Line ${lineNumber} of the recording is not what it should be.`,
    {
      hint: 'Check the file against the audit log: drawbridge recordings verify.',
    },
  );
}
