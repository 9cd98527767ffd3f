import type { SignInRates } from '../../shared/accounts/sign-in-limit.ts';

/**
 * Failed sign-ins of operators. From all strangers together one guess a minute: a six-digit code with two valid values
 * stays unguessed for most of a year, and the password comes first.
 */
export const OPERATOR_SIGN_IN_RATES: SignInRates = {
  address: { burst: 20, refillMs: 15_000 },
  pair: { burst: 5, refillMs: 30_000 },
  strangers: { burst: 20, refillMs: 60_000 },
};
