import { DrawbridgeError } from '../../shared/errors.ts';

/** Requests that may wait at once, in all and of one operator. */
export const PARKED_MAX = 100;
export const PARKED_PER_OPERATOR_MAX = 10;

/**
 * Of these, so many may be of operators to whom nothing was ever granted here: names can be made up, by a proxy that was
 * taken over or at an identity provider that lets people sign up, and must not take the places of those who are known.
 */
export const PARKED_OF_NEWCOMERS_MAX = 50;

/** Channels that may wait for one request. */
export const WAITERS_MAX = 64;

/** Whether one more request may wait beside those that do. @throws `approval.too_many` */
export function assertRoom(
  operator: string,
  waiting: readonly { readonly operator: string }[],
  isNewcomer: (operator: string) => boolean,
): void {
  if (waiting.length >= PARKED_MAX) throw tooMany(`${PARKED_MAX} requests wait already.`);
  const own = waiting.filter((other) => other.operator === operator).length;
  if (own >= PARKED_PER_OPERATOR_MAX) throw tooMany(`You have ${own} requests waiting already.`);
  if (!isNewcomer(operator)) return;
  if (waiting.filter((other) => isNewcomer(other.operator)).length < PARKED_OF_NEWCOMERS_MAX) return;
  throw tooMany(
    `${PARKED_OF_NEWCOMERS_MAX} requests of operators wait already to whom nothing was granted here before.`,
  );
}

/** @throws `approval.too_many` */
export function assertMayJoin(request: { readonly waiters: number }): void {
  if (request.waiters >= WAITERS_MAX) throw tooMany(`${WAITERS_MAX} connections wait for this already.`);
}

function tooMany(sentence: string): DrawbridgeError {
  return new DrawbridgeError('approval.too_many', sentence, { hint: 'Try again later.' });
}
