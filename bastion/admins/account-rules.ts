import { DrawbridgeError } from '../../shared/errors.ts';
import { ADMIN_ROLES } from './role.ts';

const USERNAME_PATTERN = /^[a-z0-9][a-z0-9._@-]{0,63}$/;
const PASSWORD_MIN_CHARACTERS = 12;

/** @throws `admin.invalid_name`, `admin.invalid_role`, `admin.invalid_password`. */
export function checkNewAccount(username: string, role: string, password: string): void {
  if (!USERNAME_PATTERN.test(username)) {
    throw new DrawbridgeError('admin.invalid_name', `"${username}" can not be a user name.`, {
      hint: 'Use lower-case letters, digits and . _ @ -, at most 64, with a letter or digit first.',
    });
  }
  if (!ADMIN_ROLES.some((known) => known === role)) {
    throw new DrawbridgeError('admin.invalid_role', `"${role}" is no role of an administrator.`, {
      hint: `Use one of: ${ADMIN_ROLES.join(', ')}.`,
    });
  }
  checkPassword(password);
}

/** @throws `admin.invalid_password`. */
export function checkPassword(password: string): void {
  if ([...password].length < PASSWORD_MIN_CHARACTERS) {
    throw new DrawbridgeError('admin.invalid_password', 'The password is too short.', {
      hint: `Use at least ${PASSWORD_MIN_CHARACTERS} characters, or leave it out to have one made.`,
    });
  }
}
