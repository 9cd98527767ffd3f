import { digestFile } from '../recordings/digest.ts';
import { type VerifyReport, verifyAudit } from '../shared/audit/verify.ts';
import { systemCodeOf } from '../shared/errors.ts';
import { loadNodeIdentity } from '../shared/identity/node-identity.ts';
import { pathInRecordings, withAuditLog } from './evidence.ts';
import type { RolePlace } from './role-config.ts';

/**
 * Verifies all evidence of a role: the chain of its audit log, the signed checkpoints, and for a bastion every
 * recording against its digest in the log. The role need not run.
 */
export async function verifyEvidence(place: RolePlace): Promise<VerifyReport> {
  const { publicJwk, successions } = await loadNodeIdentity(place.dataDir);
  return withAuditLog(place, async (log) =>
    verifyAudit({
      events: log.all(),
      // The log brings its own along, in its events; none are kept elsewhere here.
      checkpoints: [],
      publicJwk,
      successions,
      ...(place.role === 'bastion' ? { recordings: (name: string) => digestOf(place, name) } : {}),
    }),
  );
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
