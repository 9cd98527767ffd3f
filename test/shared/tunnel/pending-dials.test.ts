import { expect, test } from 'vitest';
import { PendingDials } from '../../../shared/tunnel/pending-dials.ts';

test('one address has its share of what is under way, and gets it back', () => {
  const dials = new PendingDials({ limit: 10, limitPerAddress: 2 });
  const leave = dials.enter('192.0.2.1');
  expect(dials.enter('192.0.2.1')).toBeDefined();
  expect(dials.enter('192.0.2.1')).toBeUndefined();
  expect(dials.enter('192.0.2.2')).toBeDefined();
  leave?.();
  expect(dials.enter('192.0.2.1')).toBeDefined();
});

test('all together have no more than the limit', () => {
  const dials = new PendingDials({ limit: 2, limitPerAddress: 2 });
  dials.enter('192.0.2.1');
  dials.enter('192.0.2.2');
  expect(dials.enter('192.0.2.3')).toBeUndefined();
});

test('an IPv6 network has the share of one address, since its owner has all of its addresses', () => {
  const dials = new PendingDials({ limit: 10, limitPerAddress: 2 });
  dials.enter('2001:db8::1');
  dials.enter('2001:db8::2');
  expect(dials.enter('2001:db8::3')).toBeUndefined();
  expect(dials.enter('2001:db8:0:1::1')).toBeDefined();
});
