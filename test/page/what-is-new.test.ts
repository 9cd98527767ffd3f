import { expect, test } from 'vitest';
import { whatIsNew } from '../../bastion/page/src/ui/what-is-new.ts';

test('what is heard of for the first time is no news', () => {
  const nothing = { access: undefined, waiting: undefined };
  expect(whatIsNew(nothing, { access: 'on', waiting: 3 })).toBe('');
  expect(whatIsNew({ access: 'on', waiting: 3 }, nothing)).toBe('');
});

test('a switch that was turned and a further request are said, a request that was answered is not', () => {
  const before = { access: 'on', waiting: 1 } as const;
  expect(whatIsNew(before, before)).toBe('');
  expect(whatIsNew(before, { access: 'off', waiting: 1 })).toBe('The switch was turned off.');
  expect(whatIsNew(before, { access: 'on', waiting: 2 })).toBe('One more approval is wanted: 2 in all.');
  expect(whatIsNew(before, { access: 'off', waiting: 0 })).toBe('The switch was turned off.');
});
