import { DrawbridgeError } from '../../shared/errors.ts';

/** The refusal of somebody who has failed too often of late. */
export function tooManyTries(waitMs: number): DrawbridgeError {
  return new DrawbridgeError('login.limited', 'There were too many failed tries.', {
    hint: `Try again in ${Math.ceil(waitMs / 1000)} seconds.`,
  });
}
