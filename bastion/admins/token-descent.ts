import type { Database } from '../../shared/store/database.ts';
import { type AdminRole, roleIncludes } from './role.ts';

/** API tokens of which somebody is the origin. */
export interface DescendedToken {
  readonly name: string;
  readonly role: AdminRole;
}

/** Tokens there can be at most, so that no chain is longer. */
const DEPTH_LIMIT = 100;

/** What `creator` has made: tokens, and tokens that were made with these, however far down; those above come first. */
const DESCENT = `WITH RECURSIVE descended (name, role, created_by, depth) AS (
    SELECT name, role, created_by, 0 FROM api_tokens WHERE created_by = ?1
    UNION SELECT t.name, t.role, t.created_by, d.depth + 1 FROM api_tokens t
      JOIN descended d ON t.created_by = 'token:' || d.name WHERE d.depth < ${DEPTH_LIMIT}
  ) SELECT name, role, created_by FROM descended ORDER BY depth, name`;

/**
 * The API tokens that an administrator or a token has made, by themselves or by tokens, and that may do more than `role` lets
 * them do from now on, with all that these have made: behind a token that is gone nobody would know any more whose they are.
 * All of them without a role.
 */
export async function tokensBeyond(
  database: Pick<Database, 'all'>,
  creator: string,
  role?: AdminRole,
): Promise<readonly DescendedToken[]> {
  const tokens = await database.all<DescendedToken & { created_by: string }>(DESCENT, [creator]);
  const ended = new Map<string, DescendedToken>();
  for (const token of tokens) {
    const isOfEnded = ended.has(token.created_by.replace(/^token:/, ''));
    if (role === undefined || isOfEnded || !roleIncludes(role, token.role)) ended.set(token.name, token);
  }
  return [...ended.values()].map(({ name, role }) => ({ name, role }));
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
