import { describe, expect, it } from 'vitest';
import { isoTime, systemClock } from '../../shared/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { waitFor } from '../support/wait-for.ts';

describe('the clock of the machine', () => {
  it('fires a timer once, a periodic one again and again, and none that was cancelled', async () => {
    const fired: string[] = [];
    systemClock.after(1, () => fired.push('once'));
    systemClock.after(1, () => fired.push('cancelled')).cancel();
    const periodic = systemClock.every(1, () => fired.push('again'));
    await waitFor(() => fired.filter((name) => name === 'again').length > 2);
    periodic.cancel();
    expect(fired.filter((name) => name === 'once')).toHaveLength(1);
    expect(fired).not.toContain('cancelled');
  });

  it('does not fire a timer at once that is further away than Node can count', async () => {
    const fired: string[] = [];
    const far = systemClock.after(30 * 86_400_000, () => fired.push('far'));
    systemClock.after(20, () => fired.push('near'));
    await waitFor(() => fired.includes('near'));
    far.cancel();
    expect(fired).toEqual(['near']);
  });
});

describe('the clock of tests', () => {
  it('fires timers in the order in which they are due, each at its own time', () => {
    const clock = new FakeClock(0);
    const fired: [string, number][] = [];
    const note = (name: string) => () => fired.push([name, clock.nowMs()]);
    clock.after(30, note('late'));
    clock.after(10, () => {
      note('early')();
      clock.after(5, note('from a timer'));
    });
    const periodic = clock.every(12, note('periodic'));
    clock.after(10, note('early too'));
    clock.advance(29);
    periodic.cancel();
    clock.advance(10);
    expect(fired).toEqual([
      ['early', 10],
      ['early too', 10],
      ['periodic', 12],
      ['from a timer', 15],
      ['periodic', 24],
      ['late', 30],
    ]);
    expect([clock.nowMs(), clock.monotonicMs(), clock.pendingTimers]).toEqual([39, 39, 0]);
  });

  it('jumps without touching timers, and says its time as ISO 8601', () => {
    const clock = new FakeClock(0);
    let fired = false;
    clock.after(10, () => {
      fired = true;
    });
    clock.jumpTo(Date.parse('2031-05-06T07:08:09.010Z'));
    expect(fired).toBe(false);
    expect(isoTime(clock)).toBe('2031-05-06T07:08:09.010Z');
    clock.advance(10);
    expect(fired).toBe(true);
  });
});
