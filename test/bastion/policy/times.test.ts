import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PolicyRole } from '../../../bastion/policy/schema.ts';
import { timesOf } from '../../../bastion/policy/times.ts';
import { WEEKDAYS } from '../../../bastion/policy/zone-time.ts';

type Times = Pick<PolicyRole, 'valid' | 'windows'>;
const at = (iso: string): number => Date.parse(iso);
const iso = (timeMs: number): string => new Date(timeMs).toISOString().replace(':00.000Z', 'Z');

function asked(times: Times, when: string, zone?: string): { open: boolean; until: string | undefined } {
  const { open, untilMs } = timesOf(times, at(when), zone);
  return { open, until: Number.isFinite(untilMs) ? iso(untilMs) : undefined };
}

const office: Times = {
  windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' }],
};

describe('a window', () => {
  test('counts by the clock of its zone, in summer and in winter', () => {
    expect(asked(office, '2026-01-05T06:59:00Z')).toEqual({ open: false, until: '2026-01-05T07:00Z' });
    expect(asked(office, '2026-01-05T07:00:00Z')).toEqual({ open: true, until: '2026-01-05T17:00Z' });
    expect(asked(office, '2026-07-06T06:00:00Z')).toEqual({ open: true, until: '2026-07-06T16:00Z' });
    expect(asked(office, '2026-07-06T16:00:00Z')).toEqual({ open: false, until: '2026-07-07T06:00Z' });
  });

  test('leaves out the days that it does not name, also over the change of the clocks', () => {
    // Friday evening; clocks are set forward on Sunday.
    expect(asked(office, '2026-03-27T17:30:00Z')).toEqual({ open: false, until: '2026-03-30T06:00Z' });
  });

  test('over midnight belongs to the day on which it begins', () => {
    const night: Times = { windows: [{ days: ['fri'], from: '22:00', to: '06:00' }] };
    expect(asked(night, '2026-01-02T21:59:00Z').open).toBe(false);
    expect(asked(night, '2026-01-03T05:59:00Z')).toEqual({ open: true, until: '2026-01-03T06:00Z' });
    expect(asked(night, '2026-01-02T05:00:00Z').open).toBe(false);
  });

  test('that ends at 24:00 goes over into one that begins at 00:00', () => {
    const days: Times = {
      windows: [
        { days: ['mon'], from: '20:00', to: '24:00' },
        { days: ['tue'], from: '00:00', to: '04:00' },
      ],
    };
    expect(asked(days, '2026-01-05T21:00:00Z')).toEqual({ open: true, until: '2026-01-06T04:00Z' });
  });

  test('at a time that does not exist begins or ends when the clocks are set forward', () => {
    const zone = 'Europe/Berlin';
    const from: Times = { windows: [{ from: '02:30', to: '05:00', zone }] };
    const to: Times = { windows: [{ from: '01:00', to: '02:30', zone }] };
    const inside: Times = { windows: [{ days: ['sun'], from: '02:10', to: '02:50', zone }] };
    // 2026-03-29 in Berlin: 02:00 is 03:00, at 01:00Z.
    expect(asked(from, '2026-03-29T00:59:00Z')).toEqual({ open: false, until: '2026-03-29T01:00Z' });
    expect(asked(to, '2026-03-29T00:30:00Z')).toEqual({ open: true, until: '2026-03-29T01:00Z' });
    expect(asked(inside, '2026-03-29T01:00:00Z')).toEqual({ open: false, until: '2026-04-05T00:10Z' });
  });

  test('at a time that exists twice begins and ends at the first of both', () => {
    const zone = 'Europe/Berlin';
    // 2026-10-25 in Berlin: 03:00 is 02:00, at 01:00Z. 02:30 is at 00:30Z and at 01:30Z.
    const to: Times = { windows: [{ days: ['sun'], from: '01:00', to: '02:30', zone }] };
    const from: Times = { windows: [{ days: ['sun'], from: '02:30', to: '05:00', zone }] };
    expect(asked(to, '2026-10-25T00:00:00Z')).toEqual({ open: true, until: '2026-10-25T00:30Z' });
    expect(asked(to, '2026-10-25T01:10:00Z').open).toBe(false);
    expect(asked(from, '2026-10-25T00:29:00Z')).toEqual({ open: false, until: '2026-10-25T00:30Z' });
    expect(asked(from, '2026-10-25T01:10:00Z')).toEqual({ open: true, until: '2026-10-25T04:00Z' });
  });

  test('counts in the zone of the policy when it names none, and in UTC when that names none', () => {
    const times: Times = { windows: [{ from: '08:00', to: '09:00' }] };
    expect(asked(times, '2026-01-05T08:30:00Z').open).toBe(true);
    expect(asked(times, '2026-01-05T08:30:00Z', 'Asia/Tokyo').open).toBe(false);
    expect(asked(times, '2026-01-04T23:30:00Z', 'Asia/Tokyo').open).toBe(true);
  });
});

describe('a contract period', () => {
  const year: Times = { valid: { from: '2026-01-01', until: '2026-12-31', zone: 'America/New_York' } };

  test('counts from the start of its first day to the end of its last', () => {
    expect(asked(year, '2026-01-01T04:59:00Z')).toEqual({ open: false, until: '2026-01-01T05:00Z' });
    expect(asked(year, '2026-01-01T05:00:00Z')).toEqual({ open: true, until: '2027-01-01T05:00Z' });
    expect(asked(year, '2027-01-01T05:00:00Z')).toEqual({ open: false, until: undefined });
  });

  test('ends a window that would be open for longer', () => {
    const times: Times = { valid: { until: '2026-01-05' }, windows: [{ from: '20:00', to: '04:00' }] };
    expect(asked(times, '2026-01-05T21:00:00Z')).toEqual({ open: true, until: '2026-01-06T00:00Z' });
  });
});

const anyMinute = fc
  .integer({ min: 0, max: 1439 })
  .map((m) => `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`);
const anyWindow = fc
  .record({
    days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 }),
    from: anyMinute,
    to: anyMinute,
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Cairo'),
  })
  .filter(({ from, to }) => from !== to);
const anyTime = fc.integer({ min: at('2025-12-01T00:00:00Z'), max: at('2027-02-01T00:00:00Z') });

describe('for every set of windows and every time', () => {
  test('the answer stays the same up to the moment it names, and is the other one from there', () => {
    fc.assert(
      fc.property(
        fc.array(anyWindow, { minLength: 1, maxLength: 3 }),
        anyTime,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (windows, timeMs, part) => {
          const now = timesOf({ windows }, timeMs, undefined);
          expect(now.untilMs).toBeGreaterThan(timeMs);
          const lastMs = Math.min(now.untilMs, timeMs + 9 * 86_400_000) - 1;
          const between = timesOf({ windows }, Math.floor(timeMs + part * (lastMs - timeMs)), undefined);
          expect(between.open).toBe(now.open);
          if (Number.isFinite(now.untilMs) && now.untilMs < timeMs + 7 * 86_400_000) {
            expect(timesOf({ windows }, now.untilMs, undefined).open).toBe(!now.open);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('one more window never closes anything, and a period never opens anything', () => {
    fc.assert(
      fc.property(
        fc.array(anyWindow, { minLength: 1, maxLength: 3 }),
        anyWindow,
        anyTime,
        (windows, more, timeMs) => {
          const open = timesOf({ windows }, timeMs, undefined).open;
          if (open) expect(timesOf({ windows: [...windows, more] }, timeMs, undefined).open).toBe(true);
          const bounded = timesOf(
            { windows, valid: { from: '2026-03-01', until: '2026-11-15' } },
            timeMs,
            undefined,
          );
          if (!open) expect(bounded.open).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });
});
