import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MARK_VARIABLE, marksIn } from '../../../agent/leftovers/marks.ts';

const environment = (...entries: readonly string[]): Buffer =>
  Buffer.from(entries.map((entry) => `${entry}\0`).join(''), 'latin1');

it('finds every value of the variable, and no other', () => {
  const entries = [
    `X${MARK_VARIABLE}=no`,
    `${MARK_VARIABLE}=a.1`,
    `Y=${MARK_VARIABLE}=no`,
    `${MARK_VARIABLE}=b`,
  ];
  expect(marksIn(environment(...entries))).toEqual(['a.1', 'b']);
  expect(marksIn(environment(`${MARK_VARIABLE}=first`))).toEqual(['first']);
  expect(marksIn(Buffer.from(`${MARK_VARIABLE}=cut`))).toEqual(['cut']);
  expect(marksIn(undefined)).toEqual([]);
});

it('keeps little of an account that gives its processes many or long ones', () => {
  const long = `${MARK_VARIABLE}=${'x'.repeat(1_000_000)}`;
  const many = Array.from({ length: 10_000 }, (_, n) => `${MARK_VARIABLE}=${n}`);
  expect(marksIn(environment(long, `${MARK_VARIABLE}=a.1`))).toEqual(['a.1']);
  expect(marksIn(environment(...many))).toEqual(['0', '1', '2', '3']);
});

it('reads what any environment says as splitting it would', () => {
  const name = fc.constantFrom(
    MARK_VARIABLE,
    `${MARK_VARIABLE}=${MARK_VARIABLE}`,
    'PATH',
    '',
    `A${MARK_VARIABLE}`,
  );
  const value = fc.string({ maxLength: 20, unit: 'binary-ascii' }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (pairs) => {
      const entries = pairs.map(([left, right]) => `${left}=${right}`);
      const expected = entries
        .filter((entry) => entry.startsWith(`${MARK_VARIABLE}=`))
        .map((entry) => entry.slice(MARK_VARIABLE.length + 1));
      expect(marksIn(environment(...entries))).toEqual(expected);
    }),
  );
});
