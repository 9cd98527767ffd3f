import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { type NodeRole, nodeIdOf, type PublicJwk, publicJwkSchema, thumbprintOf } from './keys.ts';
import {
  readStatement,
  refusal,
  SMALL_STATEMENT_BYTES,
  type StatementKind,
  signStatement,
  verifyStatement,
} from './statement.ts';

/**
 * A succession says that a role has a new key: signed with the old one, it names both. A role's id follows from its
 * first key and stays, so that the chain of successions from that key on shows which key is the right one today. Whoever
 * has pinned any key of the chain can follow it. That the new key is really held shows in whatever is signed with it.
 */
export interface Succession {
  /** Id of the role, which follows from its first key. */
  readonly id: string;
  readonly from: PublicJwk;
  readonly to: PublicJwk;
}

/** Keys that one role may have had; a role with more is enrolled anew. */
export const MAX_SUCCESSIONS = 32;

/** Successions that are sent along with a dial or its answer: the latest ones. Whoever has missed more pins anew. */
export const MAX_SENT_SUCCESSIONS = 8;

/** Longest header that carries them. */
export const MAX_SUCCESSION_HEADER_CHARS = 8_192;

/** Statements of this kind hold for good: there may always be a log with signatures of the old key. */
const LIFETIME_S = 1;

const SUCCESSION: StatementKind<Succession> = {
  typ: 'drawbridge-succession+jwt',
  what: 'succession of a key',
  code: 'identity.refused',
  lifetimeS: LIFETIME_S,
  claims: z.object({ id: z.string().min(1).max(128), from: publicJwkSchema, to: publicJwkSchema }),
  limitBytes: SMALL_STATEMENT_BYTES,
};

/** States, with the key that goes, which key comes. */
export function signSuccession(succession: Succession, goingKey: KeyObject, clock: Clock): Promise<string> {
  return signStatement(SUCCESSION, succession, goingKey, clock);
}

/**
 * The statement's content, its signature checked with the key that it says goes. That this key is the right one is for
 * the caller to know.
 * @throws `identity.refused`, a `StatementRefused`
 */
export async function openSuccession(statement: string): Promise<Succession> {
  const read = readStatement(SUCCESSION, statement);
  // As at the moment of signing: a machine whose clock is behind must not lose its identity for that.
  const thenClock = { nowMs: () => read.claims.iat * 1000 };
  const { id, from, to } = await verifyStatement(read, read.claims.from, thenClock);
  return { id, from, to };
}

/**
 * The key that the role `id` has today, for somebody who has pinned `pinned`: follows the statements from that key on.
 * Gives back `pinned` itself when none of them starts there.
 * @throws `identity.refused` when one on the way is not valid
 */
export async function followSuccessions(
  pinned: PublicJwk,
  options: { readonly id: string; readonly statements: readonly string[] },
): Promise<PublicJwk> {
  let key = pinned;
  for (const statement of options.statements) {
    if (readStatement(SUCCESSION, statement).claims.from.x !== key.x) continue;
    const { id, to } = await openSuccession(statement);
    if (id !== options.id) throw refusal(SUCCESSION, 'wrong_issuer');
    key = to;
  }
  return key;
}

/**
 * Checks that `id` is that of the role whose key today is `publicJwk`: it follows from that key, or from the one at which
 * `statements` (all of them, the oldest first) begin.
 * @throws `identity.refused`
 */
export async function assertIdOfKey(
  subject: { readonly role: NodeRole; readonly id: string; readonly publicJwk: PublicJwk },
  statements: readonly string[],
): Promise<void> {
  const { role, id, publicJwk } = subject;
  const [first] = statements;
  const firstKey = first === undefined ? publicJwk : readStatement(SUCCESSION, first).claims.from;
  const lastKey = await followSuccessions(firstKey, { id, statements });
  if (id !== nodeIdOf(role, thumbprintOf(firstKey)) || lastKey.x !== publicJwk.x)
    throw refusal(SUCCESSION, 'wrong_issuer');
}

/** The latest statements as the value of a header; undefined when there are none. */
export function successionHeader(statements: readonly string[]): string | undefined {
  return statements.length === 0 ? undefined : statements.slice(-MAX_SENT_SUCCESSIONS).join(' ');
}

/** The statements in a header's value; none when there is no such header, or it is no such list. */
export function successionsOfHeader(value: unknown): readonly string[] {
  if (typeof value !== 'string' || value.length > MAX_SUCCESSION_HEADER_CHARS) return [];
  const statements = value.split(' ');
  return statements.length <= MAX_SENT_SUCCESSIONS ? statements : [];
}
