/**
 * Parts the provider from the name. No local account can hold it, so that nobody of a directory can ever be taken for a
 * local administrator, nor sign in with a password.
 */
const SEPARATOR = '/';

/** What an administrator of a directory is called here: `corp/alice`. */
export function providedName(provider: string, username: string): string {
  return `${provider}${SEPARATOR}${username}`;
}

/** The name of the person, whichever way they signed in: `alice` for `alice` and for `corp/alice`. */
export function personIn(username: string): string {
  return username.slice(username.indexOf(SEPARATOR) + 1);
}
