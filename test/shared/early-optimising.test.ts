import { setFlagsFromString } from 'node:v8';
import { afterEach, describe, expect, it } from 'vitest';
import { EARLY_CPU_MS, optimiseEarly, USUAL_BUDGET_BYTES } from '../../shared/early-optimising.ts';
import { FakeClock } from '../support/fake-clock.ts';

const V8_DEFAULT = `--interrupt-budget=${USUAL_BUDGET_BYTES}`;
const OPTIMISED = 1 << 4;
const GIVE_UP_CALLS = 200_000;
const FUNCTIONS = 9;

describe('optimising early', () => {
  afterEach(() => {
    setFlagsFromString(V8_DEFAULT);
    setFlagsFromString('--concurrent-recompilation');
    setFlagsFromString('--no-allow-natives-syntax');
  });

  // The V8 of Node.js 24 has no such flag, and a quick compiler instead.
  it.runIf(process.versions.v8.startsWith('11.'))(
    'is heeded by V8 while it runs, until the process has computed for a while',
    () => {
      setFlagsFromString('--allow-natives-syntax');
      // Compiles at once, not beside the calls that are counted.
      setFlagsFromString('--no-concurrent-recompilation');
      setFlagsFromString(V8_DEFAULT);
      callsUntilOptimised();
      const before = callsUntilOptimised();
      const clock = new FakeClock();
      let cpuMs = 0;
      optimiseEarly(clock, () => cpuMs);
      const early = callsUntilOptimised();
      expect(before).toBeLessThan(GIVE_UP_CALLS);
      expect(early).toBeLessThan(before * 0.8);
      cpuMs = EARLY_CPU_MS;
      clock.advance(1_000);
      expect(callsUntilOptimised()).toBeGreaterThan(early * 1.2);
      expect(clock.pendingTimers).toBe(0);
    },
  );
});

/** How often a fresh function is called until V8 has optimised it: the median of some. */
function callsUntilOptimised(): number {
  // V8 keeps what it has compiled for a text that it has seen.
  const counts = Array.from({ length: FUNCTIONS }, () => callsOfOne(Math.random())).sort((a, b) => a - b);
  return counts[FUNCTIONS >> 1] ?? GIVE_UP_CALLS;
}

function callsOfOne(salt: number): number {
  const statusOf = new Function('hot', 'return %GetOptimizationStatus(hot)');
  const hot = new Function('a', 'b', `const c = a + b; return (c * 3 + a - b) % (c + ${salt});`);
  for (let calls = 0; calls < GIVE_UP_CALLS; ) {
    for (const end = calls + 10; calls < end; calls++) hot(calls, 7);
    if ((Number(statusOf(hot)) & OPTIMISED) !== 0) return calls;
  }
  return GIVE_UP_CALLS;
}
