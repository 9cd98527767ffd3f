import { setFlagsFromString } from 'node:v8';
import type { Clock, Timer } from './clock.ts';

/**
 * How much bytecode a function runs before V8 optimises it, while a process is young. A relaying role runs the same few
 * hundred short functions for every packet, and in V8's time they become fast after tens of thousands of keystrokes: more
 * than anybody types.
 */
export const OPTIMISING_BUDGET_BYTES = 6_000;

/** V8's own rule (Node.js 20). */
export const USUAL_BUDGET_BYTES = 67_584;

/**
 * A process that has computed for so long has optimised what it does all the time. What becomes busy only then is the
 * rare and urgent: hundreds of sessions that end together would otherwise be compiled for, on the processors that they
 * need to end.
 */
export const EARLY_CPU_MS = 5_000;

const REVIEW_MS = 1_000;

/** Only this V8 has the flag. */
const V8_OF_NODE_20 = 11;

/**
 * Lets V8 optimise early what this process does again and again, until it has computed for {@link EARLY_CPU_MS}. Compiling
 * happens on V8's own threads. See decision 0013.
 *
 * @returns what ends the watch; the last setting stays.
 */
export function optimiseEarly(clock: Clock, cpuMs: () => number = ownCpuMs): Timer {
  setBudget(OPTIMISING_BUDGET_BYTES);
  const watch = clock.every(REVIEW_MS, () => {
    if (cpuMs() < EARLY_CPU_MS) return;
    watch.cancel();
    setBudget(USUAL_BUDGET_BYTES);
  });
  return watch;
}

function setBudget(bytes: number): void {
  // Later ones count calls, and have a quick compiler before the thorough one; they would only complain on standard error.
  if (process.versions.v8.startsWith(`${V8_OF_NODE_20}.`)) setFlagsFromString(`--interrupt-budget=${bytes}`);
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
