import { describe, expect, test } from 'vitest';
import { parseOpeningEnd } from '../../../bastion/gate/opening-end.ts';

const now = { nowMs: Date.parse('2026-03-28T16:00:00Z'), zone: 'Europe/Berlin' };
const end = (text: string): string => new Date(parseOpeningEnd(text, now)).toISOString();

describe('until when access is on', () => {
  test.each([
    ['later today', '18:00', '2026-03-28T17:00:00.000Z'],
    ['a time that is over today is tomorrow, by the clock of that day', '16:30', '2026-03-29T14:30:00.000Z'],
    ['a time in another zone', '18:00 America/New_York', '2026-03-28T22:00:00.000Z'],
    ['a day and a time', '2026-04-01 08:00', '2026-04-01T06:00:00.000Z'],
    ['midnight', '24:00', '2026-03-28T23:00:00.000Z'],
    ['a time that does not exist, as clocks are set forward', '2026-03-29 02:30', '2026-03-29T01:00:00.000Z'],
    ['ISO 8601 with an offset', '2026-03-28T19:00:00+02:00', '2026-03-28T17:00:00.000Z'],
  ])('may be %s', (_what, text, expected) => {
    expect(end(text)).toBe(expected);
  });

  test.each([
    '',
    '6pm',
    '25:00',
    '18:61',
    '18:00 Mars/Olympus',
    '2026-02-30 10:00',
    '2026-03-28 10:00',
    '2025-01-01T00:00:00Z',
  ])('may not be %j', (text) => {
    expect(() => end(text)).toThrow(expect.objectContaining({ code: 'usage.until' }));
  });
});
