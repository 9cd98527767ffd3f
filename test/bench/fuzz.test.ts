import { expect, test } from 'vitest';
import { fuzzTunnel } from '../../bench/fuzz.ts';

test('the fuzzer finds nothing in its first seconds, and gets somewhere', async () => {
  const { sessions } = await fuzzTunnel(1, 2);
  expect(sessions).toBeGreaterThan(20);
});
