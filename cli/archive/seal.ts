import { ControlClient } from '../../shared/control/client.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import type { RolePlace } from '../role-config.ts';

/**
 * A checkpoint over everything so far, so that the archive's last event is sealed too. False when the role does not run:
 * stopped in order, it has signed its last checkpoint by itself; killed, its last events are not signed.
 */
export async function seal(place: RolePlace): Promise<boolean> {
  let client: ControlClient;
  try {
    client = await ControlClient.connect(place.socketPath);
  } catch (error) {
    if (isDrawbridgeError(error, 'control.not_running')) return false;
    throw error;
  }
  try {
    await client.call('audit.checkpoint');
    return true;
  } finally {
    client.close();
  }
}
