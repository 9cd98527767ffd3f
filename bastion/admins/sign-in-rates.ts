import type { HashingEffort } from '../../shared/accounts/password-hasher.ts';
import type { SignInRates } from '../../shared/accounts/sign-in-limit.ts';

/** Failed sign-ins of administrators: two a minute for an account, six for an address, after what may come at once. */
export const ADMIN_SIGN_IN_RATES: SignInRates = {
  address: { burst: 30, refillMs: 10_000 },
  pair: { burst: 10, refillMs: 30_000 },
  strangers: { burst: 30, refillMs: 30_000 },
};

/**
 * OWASP's scrypt setting for 32 MiB (p = 3, about a quarter of a second), one at a time: the bastion has 1 GiB and has
 * sessions to carry.
 */
export const ADMIN_HASHING: HashingEffort = { parallelism: 3, atOnce: 1, waiting: 32 };
