import { expect, test } from 'vitest';
import { BastionClock } from '../../bastion/page/src/data/bastion-clock.ts';

const SENT_MS = Date.parse('2030-01-01T12:00:00.400Z');
const dateOf = (ms: number) => new Date(ms).toUTCString();

test("a clock that differs by a few seconds counts as the bastion's", () => {
  const clock = new BastionClock();
  clock.heard(dateOf(SENT_MS - 4_000), SENT_MS, SENT_MS + 20);
  expect(clock.aheadMs).toBe(0);
});

test('a clock that is an hour off is put right by what the bastion says, and right again when it was set', () => {
  const clock = new BastionClock();
  clock.heard(dateOf(SENT_MS - 3_600_000), SENT_MS, SENT_MS + 20);
  expect(Math.abs(clock.aheadMs - 3_600_000)).toBeLessThan(1_000);
  expect(Math.abs(Date.now() - 3_600_000 - clock.now())).toBeLessThan(1_500);
  clock.heard(dateOf(SENT_MS), SENT_MS, SENT_MS + 20);
  expect(clock.aheadMs).toBe(0);
});

test('an answer says nothing about the time when it names none, was long under way, or came before it was asked for', () => {
  const clock = new BastionClock();
  const hourAgo = dateOf(SENT_MS - 3_600_000);
  clock.heard(null, SENT_MS, SENT_MS + 20);
  clock.heard('soon', SENT_MS, SENT_MS + 20);
  clock.heard(hourAgo, SENT_MS, SENT_MS + 60_000);
  clock.heard(hourAgo, SENT_MS, SENT_MS - 60_000);
  expect(clock.aheadMs).toBe(0);
});
