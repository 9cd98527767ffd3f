import { expect, test } from 'vitest';
import {
  PENDING_LIFETIME_MS,
  PENDING_MAX,
  PENDING_PER_NETWORK_MAX,
  PendingSignIns,
} from '../../../../bastion/admins/provider/pending-sign-ins.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

test('a sign-in is spent once, by its own browser and state, within its time', () => {
  const clock = new FakeClock();
  const signIns = new PendingSignIns(clock);
  const one = signIns.begin('192.0.2.0/24');
  const two = signIns.begin('192.0.2.0/24');
  expect(signIns.take(one.secret, two.pending.state)).toBeUndefined();
  expect(signIns.take(one.secret, one.pending.state)).toEqual(one.pending);
  expect(signIns.take(one.secret, one.pending.state)).toBeUndefined();
  clock.advance(PENDING_LIFETIME_MS);
  expect(signIns.take(two.secret, two.pending.state)).toBeUndefined();
});

test('a network that begins many forgets its own and nobody else', () => {
  const signIns = new PendingSignIns(new FakeClock());
  const mine = signIns.begin('mine');
  const first = signIns.begin('flood');
  for (let number = 0; number < PENDING_MAX; number += 1) signIns.begin('flood');
  const last = signIns.begin('flood');
  expect(signIns.take(first.secret, first.pending.state)).toBeUndefined();
  expect(signIns.take(last.secret, last.pending.state)).toBeDefined();
  expect(signIns.take(mine.secret, mine.pending.state)).toBeDefined();
  expect(PENDING_PER_NETWORK_MAX).toBeLessThan(PENDING_MAX);
});
