import { z } from 'zod';
import { ControlClient } from '../../shared/control/client.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import { VERSION } from '../version.ts';
import { type Check, check, type Finding } from './finding.ts';

/** Whether the role runs, and what it says of itself. */
export function running(
  socketPath: string,
  role: string,
  read: (status: unknown) => readonly Omit<Finding, 'check'>[],
): Check {
  return check('running', async () => {
    let client: ControlClient;
    try {
      client = await ControlClient.connect(socketPath);
    } catch (error) {
      if (!isDrawbridgeError(error, 'control.not_running')) throw error;
      const hint = `Start it: drawbridge ${role} start --config FILE`;
      return [{ state: 'warn', text: `The ${role} does not run.`, hint }];
    }
    try {
      const status = await client.call('status');
      return [{ state: 'ok', text: `The ${role} runs.` }, ...versions(role, status), ...read(status)];
    } finally {
      client.close();
    }
  });
}

/** Two versions on one machine are as a rule a role that was not started anew after an upgrade. */
function versions(role: string, status: unknown): readonly Omit<Finding, 'check'>[] {
  const { version } = z.looseObject({ version: z.string().optional() }).parse(status);
  if (version === undefined) return [];
  if (version === VERSION) return [{ state: 'ok', text: `Command and ${role} are of version ${VERSION}.` }];
  return [
    {
      state: 'warn',
      text: `The ${role} that runs is of version ${version}, this command of ${VERSION}.`,
      hint: `Start the ${role} anew after an upgrade.`,
    },
  ];
}

/** Whether a role answers on its control socket. */
export async function answers(socketPath: string): Promise<boolean> {
  try {
    (await ControlClient.connect(socketPath)).close();
    return true;
  } catch {
    return false;
  }
}
