import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WitnessedCheckpoints } from '../../shared/audit/witnessed-checkpoints.ts';
import { isDrawbridgeError, systemCodeOf } from '../../shared/errors.ts';

/** The counter-signed checkpoints of a role, when it has any. @throws `store.*` */
export async function openWitnessed(dataDir: string): Promise<WitnessedCheckpoints | undefined> {
  try {
    await stat(join(dataDir, 'witness.db'));
    return await WitnessedCheckpoints.open(dataDir, { readOnly: true });
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT' || isDrawbridgeError(error, 'store.older')) return undefined;
    throw error;
  }
}
