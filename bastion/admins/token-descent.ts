import type { Actor } from '../../shared/audit/event.ts';
import type { Database } from '../../shared/store/database.ts';
import { type AdminRole, roleIncludes } from './role.ts';

/** API tokens of which somebody is the origin. */
export interface DescendedToken {
  readonly name: string;
  readonly role: AdminRole;
}

/** What `creator` has made: tokens, and tokens that were made with these, however far down. */
const DESCENT = `WITH RECURSIVE descended (name, role) AS (
    SELECT name, role FROM api_tokens WHERE created_by = ?
    UNION SELECT t.name, t.role FROM api_tokens t JOIN descended d ON t.created_by = 'token:' || d.name
  )`;

/**
 * The API tokens that an administrator has made, by themselves or by tokens, and that may do more than `role` lets them do
 * from now on; all of them without a role.
 */
export async function tokensBeyond(
  database: Pick<Database, 'all'>,
  creator: Actor,
  role?: AdminRole,
): Promise<readonly DescendedToken[]> {
  const tokens = await database.all<DescendedToken>(`${DESCENT} SELECT name, role FROM descended`, [creator]);
  return tokens.filter((token) => role === undefined || !roleIncludes(role, token.role));
}

/** Takes away API tokens of administrators who were removed before this was done at their removal. */
export const ORPHANED_TOKENS_MIGRATION = `
  WITH RECURSIVE orphaned (name) AS (
    SELECT name FROM api_tokens WHERE created_by LIKE 'admin:%' AND instr(created_by, '/') = 0
      AND substr(created_by, 7) NOT IN (SELECT username FROM admins)
    UNION SELECT t.name FROM api_tokens t JOIN orphaned o ON t.created_by = 'token:' || o.name
  )
  DELETE FROM api_tokens WHERE name IN (SELECT name FROM orphaned);
`;
