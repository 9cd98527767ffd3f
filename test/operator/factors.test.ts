import { expect, test } from 'vitest';
import { factorsText } from '../../operator/factors.ts';

test.each([
  [['pwd', 'otp', 'mfa'], 'password, one-time code (two factors)'],
  [['pwd', 'otp'], 'password, one-time code (two factors)'],
  [['hwk', 'user', 'uv', 'mfa'], 'hardware key, touch of the key, PIN, finger or face (two factors)'],
  [['hwk', 'user'], 'hardware key, touch of the key (one factor)'],
  [['swk'], 'key in a file or agent (one factor)'],
  [['mfa'], 'several factors'],
  [['rba', 'toString'], 'rba, toString (two factors)'],
  [[], ''],
] as const)('%j is said as %j', (amr, text) => {
  expect(factorsText(amr)).toBe(text);
});
