import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IndexSegment, Keyframe } from '../../../recordings/indexing/index-format.ts';
import { indexRecording } from '../../../recordings/indexing/index-recording.ts';
import { COMMAND_LIMIT, COMMANDS_LIMIT } from '../../../recordings/indexing/typed-commands.ts';
import { wholeLinesSize } from '../../../recordings/stored-cast.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

type Event = readonly [number, string, string];

const PROMPT = '\u001b[?2004h\u001b[01;32mdeploy@web-1\u001b[00m:\u001b[01;34m~\u001b[00m$ ';

function cast(events: readonly Event[], header: object = {}): string {
  const path = join(temporaryDirectory(), 's-1.cast');
  const lines = [{ version: 2, width: 60, height: 8, ...header }, ...events];
  writeFileSync(path, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  return path;
}

async function indexed(path: string, from?: Keyframe): Promise<IndexSegment[]> {
  const segments: IndexSegment[] = [];
  const endBytes = await wholeLinesSize(path);
  for await (const segment of indexRecording(path, { endBytes, ...(from === undefined ? {} : { from }) }))
    segments.push(segment);
  return segments;
}

async function commandsIn(events: readonly Event[], header?: object) {
  return (await indexed(cast(events, header))).flatMap(({ commands }) => commands);
}

/** One event per piece, a tenth of a second apart. */
const typed = (...pieces: readonly string[]): Event[] =>
  pieces.map((piece, n) => [Number(((n + 1) / 10).toFixed(1)), 'o', piece]);

const textsOf = async (...pieces: readonly string[]) =>
  (await commandsIn(typed(...pieces))).map(([, text]) => text);

describe('the commands that were typed', () => {
  it('are lines behind a prompt, each with the time at which it was ended', async () => {
    const found = await commandsIn([
      [1, 'o', PROMPT],
      [2, 'o', 'l'],
      [2.2, 'o', 's'],
      [3, 'o', '\r\n\u001b[?2004l\r'],
      [3.1, 'o', 'a.txt\r\nb.txt\r\n'],
      [3.2, 'o', PROMPT],
      [9, 'o', 'exit'],
      [9.5, 'o', '\r\n'],
    ]);
    expect(found).toEqual([
      [3, 'ls'],
      [9.5, 'exit'],
    ]);
  });

  it.each(['$ ', 'root@web-1:/etc# ', 'web-1% ', 'mysql> ', '❯ ', '[deploy@web-1 ~]$ '])(
    'are known behind the prompt %s',
    async (prompt) => {
      expect(await textsOf(prompt, 'whoami', '\r\n')).toEqual(['whoami']);
    },
  );

  it('are as they were edited, also when they are longer than a row', async () => {
    expect(await textsOf(PROMPT, 'rm -rf /', '\b \b'.repeat(8), 'ls', '\r\n')).toEqual(['ls']);
    const long = `echo ${'word '.repeat(30).trim()}`;
    expect(await textsOf(PROMPT, long, '\r\n')).toEqual([long]);
  });

  it('are whole when what is typed looks like a prompt itself', async () => {
    expect(await textsOf(PROMPT, 'echo "a > ', 'b" # ', 'c', '\r\n')).toEqual(['echo "a > b" # c']);
  });

  it('are no lines that a program wrote, whatever they look like', async () => {
    const output = '# a comment\r\n$ not typed\r\n> quoted\r\nroot@x:~# neither\r\n';
    expect(await textsOf(PROMPT, 'cat notes', '\r\n', output, output)).toEqual(['cat notes']);
    expect(await textsOf(' 45% ', '12 MB\r\n', 'copied  100% ', 'done\r\n')).toEqual([]);
  });

  it('are known when the keys came before the prompt, once the prompt was seen', async () => {
    const ahead = `${PROMPT}uptime\r\n`;
    expect(await textsOf(PROMPT, 'sleep 1', '\r\n', ahead, PROMPT)).toEqual(['sleep 1', 'uptime']);
  });

  it('are listed once when completions were listed in between', async () => {
    const line = 'cat /etc/ho';
    const redrawn = `${PROMPT}${line}`;
    expect(
      await textsOf(PROMPT, line, `\r\nhost.conf  hostname  hosts\r\n${redrawn}`, 'sts', '\r\n', PROMPT),
    ).toEqual(['cat /etc/hosts']);
  });

  it('have no right prompt', async () => {
    const right = '\u001b[s\u001b[50C12:00\u001b[u';
    expect(await textsOf(`% ${right}`, 'ls', '\r\n')).toEqual(['ls']);
  });

  it('are empty lines and interrupted ones not', async () => {
    expect(await textsOf(PROMPT, '\r\n', PROMPT, '^C', '\r\n', PROMPT)).toEqual([]);
  });

  it('are not what is typed into a full-screen program', async () => {
    expect(await textsOf(PROMPT, '\u001b[?1049h# ', 'heading', '\r\n', '\u001b[?1049l')).toEqual([]);
  });

  it('are none where there was no terminal', async () => {
    const events = typed('$ ', 'ls', '\n');
    expect(await commandsIn(events, { drawbridge: { pty: false } })).toEqual([]);
  });

  it.each([133, 633])('are behind any prompt that the shell marks by OSC %i', async (mark) => {
    const marked = `\u001b]${mark};A\u0007➜ ~ \u001b]${mark};B\u0007`;
    expect(await textsOf(marked, 'ls', `\r\n\u001b]${mark};C\u0007`)).toEqual(['ls']);
    expect(await textsOf(`${marked}pwd\r\n`)).toEqual(['pwd']);
  });

  it('are bounded in length and number', async () => {
    const [long = ''] = await textsOf(PROMPT, 'x'.repeat(COMMAND_LIMIT + 500), '\r\n');
    expect(long).toBe(`${'x'.repeat(COMMAND_LIMIT)}…`);
    const many = Array.from({ length: COMMANDS_LIMIT + 50 }, () => ['$ ', ':', '\r\n']).flat();
    const [first, ...rest] = await indexed(cast(typed(...many)));
    expect(first?.commands.length).toBeLessThanOrEqual(COMMANDS_LIMIT);
    expect(rest.every(({ commands }) => commands.length <= COMMANDS_LIMIT)).toBe(true);
  });

  it('are the same when the work goes on in the middle of a line', async () => {
    const events = Array.from({ length: 400 }, (_, n): Event[] => [
      [n, 'o', PROMPT],
      [n + 0.2, 'o', `echo ${n} > `],
      [n + 0.4, 'o', '/dev/null'],
      [n + 0.5, 'o', `\r\n${'output '.repeat(30)}\r\n`],
    ]).flat();
    const path = cast(events);
    const whole = await indexed(path);
    expect(whole.length).toBeGreaterThan(2);
    expect(whole.flatMap(({ commands }) => commands)).toHaveLength(400);
    expect((await indexed(path, whole[1]?.keyframe)).map(({ commands }) => commands)).toEqual(
      whole.slice(1).map(({ commands }) => commands),
    );
  });

  it('are text within the limits, whatever is written to the screen', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        PROMPT,
        '$ ',
        '\r\n',
        '\u001b]133;B\u0007',
        '\u001b]633;B\u0007',
        '\u001b[?1049h',
        '\u001b[?1049l',
        '\u001b[2J',
      ),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        for (const [timeS, text] of await commandsIn(typed(...pieces))) {
          expect(timeS).toBeGreaterThan(0);
          expect(text.trim()).not.toBe('');
          expect(text.length).toBeLessThanOrEqual(COMMAND_LIMIT + 1);
        }
      }),
      { numRuns: 25 },
    );
  });
});
