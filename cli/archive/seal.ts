import { ControlClient } from '../../shared/control/client.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import type { RolePlace } from '../role-config.ts';

/** A checkpoint over everything so far, so that the archive's last event is sealed too. */
export async function seal(place: RolePlace): Promise<void> {
  let client: ControlClient;
  try {
    client = await ControlClient.connect(place.socketPath);
  } catch (error) {
    // A role that was stopped in order has signed its last checkpoint by itself.
    if (isDrawbridgeError(error, 'control.not_running')) return;
    throw error;
  }
  try {
    await client.call('audit.checkpoint');
  } finally {
    client.close();
  }
}
