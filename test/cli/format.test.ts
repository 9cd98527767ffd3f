import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatOffset, formatTime } from '../../cli/format.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [300 * 1024 * 1024, '300 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
    [5000 * 1024 ** 4, '5000 TiB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatOffset', () => {
  it.each([
    [0, '0:00'],
    [7.9, '0:07'],
    [760, '12:40'],
    [3723, '1:02:03'],
  ])('writes %d s as %s', (seconds, text) => {
    expect(formatOffset(seconds)).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [400, '0.4 s'],
    [12_000, '12 s'],
    [59_600, '1 min 00 s'],
    [184_000, '3 min 04 s'],
    [7_500_000, '2 h 05 min'],
    [8 * 3_600_000 - 1, '8 h 00 min'],
    [76 * 3_600_000, '3 d 4 h'],
  ])('writes %d ms as %s', (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });
});

describe('formatTime', () => {
  it('writes the local time to the second', () => {
    expect(formatTime(new Date(2026, 2, 1, 14, 5, 9).toISOString())).toBe('2026-03-01 14:05:09');
  });

  it('leaves what is no time as it is', () => {
    expect(formatTime('never')).toBe('never');
  });
});
