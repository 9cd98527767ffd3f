import { setFlagsFromString } from 'node:v8';

/**
 * How much bytecode a function runs before V8 optimises it; its own rule is 132 KiB (Node.js 20). A relaying role runs
 * the same few hundred short functions for every packet, and in V8's time they become fast after tens of thousands of
 * keystrokes: more than anybody types.
 */
export const OPTIMISING_BUDGET_BYTES = 6_000;

/** Lets V8 optimise early what this process does again and again. Compiling happens on V8's own threads. */
export function optimiseEarly(): void {
  setFlagsFromString(`--interrupt-budget=${OPTIMISING_BUDGET_BYTES}`);
}
