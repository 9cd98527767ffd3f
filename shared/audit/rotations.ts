import { thumbprintOf } from '../identity/keys.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import { openSuccession } from '../identity/succession.ts';
import type { AuditSink, AuditSource } from './event.ts';

/**
 * Enters each new key of the role that its log does not name yet, with the statement that the old key signed: so whoever
 * has an older key finds in the log itself which key signs from there on.
 * @returns whether there was one
 * @throws `audit.unavailable`
 */
export async function enterRotations(
  log: AuditSink & Pick<AuditSource, 'query'>,
  identity: Pick<NodeIdentity, 'id' | 'successions'>,
): Promise<boolean> {
  if (identity.successions.length === 0) return false;
  const [last] = await log.query({ type: 'key.rotated', newestFirst: true, limit: 1 });
  const entered = last?.['succession'];
  const known = typeof entered === 'string' ? identity.successions.indexOf(entered) : -1;
  const missing = identity.successions.slice(known + 1);
  for (const succession of missing) {
    const { id, from, to } = await openSuccession(succession);
    await log.append({
      type: 'key.rotated',
      actor: 'system',
      node: id,
      from: thumbprintOf(from),
      to: thumbprintOf(to),
      succession,
    });
  }
  return missing.length > 0;
}
