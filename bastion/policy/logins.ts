/** Stands in a role's logins for the operator's own name. */
export const SUB_TEMPLATE = '{{sub}}';

/** Names that useradd takes; nothing that a shell, a path or a log line could misread. */
const UNIX_LOGIN = /^[a-z_][a-z0-9_.-]{0,31}$/i;

/**
 * The login that `entry` of a role gives to operator `sub`. Undefined when the operator's name is no UNIX login, or is
 * `root`: the vendor's list of operators must not be a way to become root, only a policy that says `root` is.
 */
export function expandLogin(entry: string, sub: string): string | undefined {
  if (entry !== SUB_TEMPLATE) return entry;
  return UNIX_LOGIN.test(sub) && sub !== 'root' ? sub : undefined;
}
