/** True when `name` may be the name of a UNIX account: what `useradd` allows, and directory services besides. */
export function isLoginName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\$?$/.test(name);
}
