import { digestFile } from '../recordings/digest.ts';
import { keysOf } from '../shared/audit/log-end.ts';
import { type VerifyReport, verifyAudit } from '../shared/audit/verify.ts';
import { systemCodeOf } from '../shared/errors.ts';
import { loadNodeIdentity } from '../shared/identity/node-identity.ts';
import { openWitnessed } from './archive/witnessed.ts';
import { pathInRecordings, withAuditLog } from './evidence.ts';
import type { RolePlace } from './role-config.ts';

/**
 * Verifies all evidence of a role: the chain of its audit log, the signed checkpoints, and for a bastion every
 * recording against its digest in the log. The role need not run.
 */
export async function verifyEvidence(
  place: RolePlace,
  checkpoints: readonly string[] = [],
): Promise<VerifyReport> {
  const { id, publicJwk, successions } = await loadNodeIdentity(place.dataDir);
  const witnessed = place.role === 'bastion' ? await witnessedNotes(place, id) : [];
  return withAuditLog(place, async (log) => {
    // Before the events are read: while the role runs, it writes on.
    const end = { id, keys: await keysOf({ publicJwk, successions }), ...(await log.signedEnd()) };
    return verifyAudit({
      events: log.all(),
      end,
      checkpoints: [...witnessed, ...checkpoints],
      publicJwk,
      successions,
      ...(place.role === 'bastion' ? { recordings: (name: string) => digestOf(place, name) } : {}),
    });
  });
}

/** What the witness has counter-signed of the present history, as it is kept beside the log. */
async function witnessedNotes(place: RolePlace, id: string): Promise<string[]> {
  const kept = await openWitnessed(place.dataDir);
  if (kept === undefined) return [];
  try {
    const { epoch } = await kept.standing(id);
    const notes: string[] = [];
    for await (const checkpoint of kept.all(id)) if (checkpoint.epoch === epoch) notes.push(checkpoint.note);
    return notes;
  } finally {
    await kept.close();
  }
}

/** SHA-256 (hexadecimal) of a recording, or undefined when there is no such file. */
export async function digestOf(place: RolePlace, name: string): Promise<string | undefined> {
  const path = pathInRecordings(place, name);
  if (path === undefined) return undefined;
  try {
    return (await digestFile(path)).sha256;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
