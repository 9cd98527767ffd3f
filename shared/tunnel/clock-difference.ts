import type { Clock } from '../clock.ts';

/** Statements are believed with clocks that are so far apart; a difference beyond it explains a refusal. */
const BELIEVED_MS = 30_000;

/**
 * A sentence about the other end's clock where it differs so much that neither end believes the other's statements.
 * `date` is the header of that name in its answer: nobody vouches for it, so it is told and never acted upon.
 */
export function clockDifference(date: string | undefined, clock: Clock): string | undefined {
  const differenceMs = Date.parse(date ?? '') - clock.nowMs();
  if (Number.isNaN(differenceMs) || Math.abs(differenceMs) <= BELIEVED_MS) return undefined;
  const seconds = Math.round(Math.abs(differenceMs) / 1_000);
  return `Its clock is ${seconds} s ${differenceMs > 0 ? 'ahead of' : 'behind'} this machine's.`;
}
