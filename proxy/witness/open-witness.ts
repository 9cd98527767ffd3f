import type { AuditSink } from '../../shared/audit/event.ts';
import { WitnessedCheckpoints } from '../../shared/audit/witnessed-checkpoints.ts';
import type { Clock } from '../../shared/clock.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import { Witness } from './witness.ts';

/** Opens `witness.db` in the proxy's data directory and the witness on it. @throws `store.*` */
export async function openWitness(parts: {
  readonly dataDir: string;
  readonly identity: NodeIdentity;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly teardown: { add(step: () => Promise<void>): void };
}): Promise<Witness> {
  const checkpoints = await WitnessedCheckpoints.open(parts.dataDir);
  parts.teardown.add(() => checkpoints.close());
  return new Witness({ ...parts, checkpoints });
}
