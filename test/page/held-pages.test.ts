import { expect, test } from 'vitest';
import { type HeldPages, PAGES_HELD, withItem } from '../../bastion/page/src/data/held-pages.ts';

const source = { keyOf: String, load: () => Promise.reject(new Error('nothing is loaded here')) };

test('a list that grows by itself puts its oldest pages away, and says that there is more', () => {
  let known: HeldPages<number> = { head: [], older: [], more: false, cursor: undefined };
  const count = (PAGES_HELD + 50) * 100;
  for (let n = 0; n < 250; n++) known = withItem(source, known, n);
  expect(known).toMatchObject({ more: false });
  const full = { ...known, older: Array.from({ length: PAGES_HELD }, (_, page) => [-page - 1]) };
  for (let n = count; n < count + 250; n++) known = withItem(source, n === count ? full : known, n);
  expect(known.older.length).toBe(PAGES_HELD);
  expect(known).toMatchObject({ more: true, cursor: undefined });
  expect(known.head[0]).toBe(count + 249);
  expect(known.older.at(-1)).not.toEqual([-PAGES_HELD]);
});
