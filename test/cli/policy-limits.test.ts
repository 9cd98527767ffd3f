import { expect, test } from 'vitest';
import { limitLines } from '../../cli/policy-limits.ts';

const BOTH = { up: true, down: true };

test('what is not limited is not said', () => {
  expect(limitLines({})).toEqual([]);
  expect(limitLines({ transfers: BOTH })).toEqual([]);
});

test('every limit is a sentence with its unit', () => {
  expect(
    limitLines({
      sessionMs: 8 * 3_600_000,
      idleMs: 1_800_000,
      sessions: 3,
      sessionsTotal: 20,
      newPerMinute: 10,
      fileSizeBytes: 1024 ** 3,
      transfers: { up: false, down: true },
      ofALaterVersion: 7,
    }),
  ).toEqual([
    'A session ends after 8 h 00 min.',
    'It ends when no byte has moved for 30 min 00 s.',
    'Sessions of the operator at once: 3.',
    'Sessions of all operators at once: 20.',
    'New sessions of the operator in a minute: 10.',
    'Largest file: 1.0 GiB.',
    'Files come from the host only.',
  ]);
});

test.each([
  [{ up: true, down: false }, 'Files go to the host only.'],
  [{ up: false, down: false }, 'No files may be transferred.'],
])('transfers %o', (transfers, sentence) => {
  expect(limitLines({ transfers })).toEqual([sentence]);
});
