import { join } from 'node:path';
import { readProxyEnrolment } from '../bastion/setup/enrolment-file.ts';
import type { VerifierKey } from '../shared/audit/verifier-key.ts';
import { loadNodeIdentity } from '../shared/identity/node-identity.ts';
import { openSuccession } from '../shared/identity/succession.ts';
import type { RolePlace } from './role-config.ts';

/** A public key, and what people call the role that has it. */
export interface NamedKey {
  readonly name: string;
  readonly key: VerifierKey;
}

/** The keys for verifying that a role knows: its own, and at a bastion that of the proxy that it has pinned. */
export async function namedKeys(place: RolePlace): Promise<readonly NamedKey[]> {
  const { id, name, publicJwk, successions } = await loadNodeIdentity(place.dataDir);
  // The first key of the role: the log begins with it, and says itself when it was renewed.
  const [first] = successions;
  const firstJwk = first === undefined ? publicJwk : (await openSuccession(first)).from;
  const own: NamedKey = { name, key: { id, publicJwk: firstJwk, verifies: 'checkpoints' } };
  if (place.role === 'proxy') return [own, { name, key: { id, publicJwk, verifies: 'cosignatures' } }];
  const issuer = (await readProxyEnrolment(join(place.dataDir, 'enrolment.json')))?.issuer;
  if (issuer === undefined) return [own];
  const witness = { id: issuer.id, publicJwk: issuer.publicJwk, verifies: 'cosignatures' } as const;
  return [own, { name: issuer.name, key: witness }];
}
