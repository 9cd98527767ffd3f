import { PASSWORD_LIMIT_BYTES, PASSWORD_MIN_LENGTH } from '../../shared/accounts/password-hasher.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Account } from '../store/account.ts';
import type { AccountStore } from '../store/store.ts';

/** Policies make UNIX logins of user names, so only what is safe in those is allowed. */
const USERNAME_PATTERN = /^[a-z0-9][a-z0-9._@-]{0,63}$/;
const GROUP_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:@/ -]{0,63}$/;
/** Groups travel in every pass. */
const GROUPS_LIMIT = 64;

/** @throws `user.invalid_name`. */
export function requireUsername(username: string): string {
  if (USERNAME_PATTERN.test(username)) return username;
  throw new DrawbridgeError('user.invalid_name', 'This cannot be a user name.', {
    hint: 'Use 1 to 64 small letters, digits and . _ @ -, beginning with a letter or digit.',
  });
}

/** The groups without repetitions. @throws `user.invalid_group`. */
export function requireGroups(groups: readonly string[]): readonly string[] {
  const distinct = [...new Set(groups)];
  if (distinct.length <= GROUPS_LIMIT && distinct.every((group) => GROUP_PATTERN.test(group)))
    return distinct;
  throw new DrawbridgeError('user.invalid_group', 'These cannot be the groups of a user.', {
    hint: `At most ${GROUPS_LIMIT} groups; 1 to 64 letters, digits, spaces and . _ : @ / - each.`,
  });
}

/** A password that an administrator chose. @throws `user.weak_password`. */
export function requirePassword(password: string): string {
  const fits =
    [...password].length >= PASSWORD_MIN_LENGTH && Buffer.byteLength(password) <= PASSWORD_LIMIT_BYTES;
  if (fits) return password;
  throw new DrawbridgeError(
    'user.weak_password',
    `A password has at least ${PASSWORD_MIN_LENGTH} characters.`,
    {
      hint: 'Leave it out, and a good one is made.',
    },
  );
}

/** The account of that name. @throws `user.unknown`. */
export async function requireAccount(
  accounts: Pick<AccountStore, 'findAccount'>,
  username: string,
): Promise<Account> {
  const account = await accounts.findAccount(username);
  if (account) return account;
  throw new DrawbridgeError('user.unknown', `There is no user "${username}".`, {
    hint: '`drawbridge proxy user ls` lists them.',
  });
}
