import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../../../shared/config/duration.ts';

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['8h', 28_800_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
    ['1d 2h'.replace(' ', ''), 93_600_000],
    ['1.5h', 5_400_000],
    ['10 s', 10_000],
    [' 2h ', 7_200_000],
    ['0s', 0],
  ])('reads %j as %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each([
    '',
    '8',
    'h',
    '8 hours',
    '-1s',
    '1h30',
    '30m1h',
    '1m1m',
    '1e3s',
    '8H',
    '4000d',
    '١s',
    '1h, 2m',
    '1s'.repeat(50),
  ])('refuses %j', (text) => {
    expect(() => parseDurationMs(text)).toThrow(expect.objectContaining({ code: 'usage.duration' }));
  });

  it('reads what it would itself write', () => {
    fc.assert(
      fc.property(fc.nat(99), fc.nat(23), fc.nat(59), fc.nat(59), (d, h, m, s) => {
        expect(parseDurationMs(`${d}d${h}h${m}m${s}s`)).toBe((((d * 24 + h) * 60 + m) * 60 + s) * 1000);
      }),
    );
  });
});
