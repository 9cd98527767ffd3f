import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { afterEach, describe, expect, it } from 'vitest';
import { optimiseEarly } from '../../shared/early-optimising.ts';

const V8_DEFAULT = '--interrupt-budget=135168';
const OPTIMISED = 1 << 4;
const GIVE_UP_CALLS = 200_000;

describe('optimising early', () => {
  afterEach(() => {
    setFlagsFromString(V8_DEFAULT);
    setFlagsFromString('--no-allow-natives-syntax');
  });

  it('is heeded by V8 while it runs: a function is fast after far fewer calls', async () => {
    setFlagsFromString('--allow-natives-syntax');
    setFlagsFromString(V8_DEFAULT);
    const before = await callsUntilOptimised();
    optimiseEarly();
    const after = await callsUntilOptimised();
    expect(before).toBeLessThan(GIVE_UP_CALLS);
    expect(after).toBeLessThan(before / 2);
  });
});

/** How often a fresh function is called until V8 has optimised it. */
async function callsUntilOptimised(): Promise<number> {
  const statusOf = new Function('hot', 'return %GetOptimizationStatus(hot)');
  const hot = new Function('a', 'b', 'const c = a + b; return (c * 3 + a - b) % (c + 1);');
  for (let calls = 0; calls < GIVE_UP_CALLS; ) {
    for (const end = calls + 50; calls < end; calls++) hot(calls, 7);
    // Compiling goes on elsewhere; its result is taken over between two calls.
    await nextTurn();
    if ((Number(statusOf(hot)) & OPTIMISED) !== 0) return calls;
  }
  return GIVE_UP_CALLS;
}
