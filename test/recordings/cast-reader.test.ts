import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  rawOutput,
  readCast,
  readCastForDisplay,
  readCastHeader,
  wholeLinesSize,
} from '../../recordings/cast-reader.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const HEADER = '{"version":2,"width":80,"height":24}\n';

function cast(text: string): string {
  const path = join(temporaryDirectory(), 'a.cast');
  writeFileSync(path, text);
  return path;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

describe('readCast', () => {
  it('gives header and events in order', async () => {
    expect(await all(readCast(cast(`${HEADER}[0.5, "o", "a"]\n[1, "zz", "b"]\n`)))).toEqual([
      { kind: 'header', header: { version: 2, width: 80, height: 24 } },
      { kind: 'event', time: 0.5, code: 'o', data: 'a' },
      { kind: 'event', time: 1, code: 'zz', data: 'b' },
    ]);
  });

  it('leaves out half a line at the end', async () => {
    expect(await all(readCast(cast(`${HEADER}[0.5, "o", "a"]\n[1, "o", "b`)))).toHaveLength(2);
  });

  it('reads lines and characters that span its pieces', async () => {
    const text = '☃'.repeat(100_000);
    const path = cast(`${HEADER}[1, "o", ${JSON.stringify(text)}]\n`);
    expect((await all(readCast(path)))[1]).toEqual({ kind: 'event', time: 1, code: 'o', data: text });
  });

  it.each([
    ['', 1],
    ['hello\n', 1],
    ['{"version":3}\n', 1],
    ['[1,2,3]\n', 1],
    [`${HEADER}[1, "o"]\n`, 2],
    [`${HEADER}["1", "o", "x"]\n`, 2],
    [`${HEADER}[1, "o", 2]\n`, 2],
    [`${HEADER}[1, "o", "x"]\nnull\n`, 3],
  ])('refuses %j and names line %i', async (text, line) => {
    const path = cast(text);
    const reading = text === '' ? readCastHeader(path) : all(readCast(path));
    await expect(reading).rejects.toMatchObject({
      code: 'recording.malformed',
      message: expect.stringContaining(`Line ${line} `),
    });
  });

  it('refuses a line without end instead of gathering it', async () => {
    await expect(all(readCast(cast(HEADER + 'x'.repeat(5_000_000))))).rejects.toMatchObject({
      code: 'recording.malformed',
    });
  });

  it('stops when its signal is aborted', async () => {
    await expect(all(readCast(cast(HEADER), { signal: AbortSignal.abort() }))).rejects.toThrow();
  });
});

describe('rawOutput', () => {
  it('takes the bytes of b, the text of o alone, and nothing else', async () => {
    const path = cast(
      `${HEADER}[0, "o", "a"]\n[0, "b", "/w=="]\n[0, "o", "\ufffd"]\n[0, "i", "x"]\n[0, "o", "c"]\n[0, "b", "AA=="]\n`,
    );
    expect(Buffer.concat(await all(rawOutput(path)))).toEqual(Buffer.from([0x61, 0xff, 0x63, 0]));
  });
});

describe('readCastForDisplay', () => {
  const shown = async (pty: boolean, ...data: string[]) => {
    const header = JSON.stringify({ version: 2, width: 80, height: 24, drawbridge: { pty } });
    const lines = data.map((text) => `[0, "o", ${JSON.stringify(text)}]\n`).join('');
    const items = await all(readCastForDisplay(cast(`${header}\n[0, "b", "AA=="]\n${lines}`)));
    return items.flatMap((item) => (item.kind === 'event' ? [item.data] : []));
  };

  it('returns the carriage where no terminal did', async () => {
    expect(await shown(false, 'a\nb\n', 'c\r\nd', '\n\n')).toEqual(['a\r\nb\r\n', 'c\r\nd', '\r\n\r\n']);
  });

  it('sees a carriage return at the end of the event before', async () => {
    expect(await shown(false, 'a\r', '\nb\n', '\n')).toEqual(['a\r', '\nb\r\n', '\r\n']);
  });

  it('changes nothing of what a terminal showed', async () => {
    expect(await shown(true, 'a\nb')).toEqual(['a\nb']);
  });
});

describe('wholeLinesSize', () => {
  it('is the size up to the last newline, however far back that is', async () => {
    const path = cast(HEADER);
    expect(await wholeLinesSize(path)).toBe(HEADER.length);
    appendFileSync(path, 'x'.repeat(200_000));
    expect(await wholeLinesSize(path)).toBe(HEADER.length);
    expect(await wholeLinesSize(cast(''))).toBe(0);
    expect(await wholeLinesSize(cast('no newline'))).toBe(0);
  });
});
