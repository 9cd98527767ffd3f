import { z } from 'zod';
import { ControlClient } from '../../shared/control/client.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import { type HostSummary, hostSummary } from '../control.ts';
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

/** Whether the hosts' own sshds take certificates of the bastion, and with them the operator's name into their logs. */
export function hostSignIns(socketPath: string): Check {
  return check('hosts', async () => {
    const client = await ControlClient.connect(socketPath);
    try {
      const hosts = z.array(hostSummary).parse(await client.call('hosts.list'));
      return hosts.filter(({ signedInBy }) => signedInBy !== undefined).map(signInFinding);
    } finally {
      client.close();
    }
  });
}

function signInFinding({ name, signedInBy }: HostSummary): Omit<Finding, 'check'> {
  if (signedInBy === 'certificate')
    return { state: 'ok', text: `The log of the sshd on ${name} names operators.` };
  return {
    state: 'warn',
    text: `The sshd on ${name} takes the bastion's key and not its certificates, so its log names no operator.`,
    hint: 'Put `cert-authority` before the key in authorized_keys there, as in docs/host-sshd.md, and look at its clock.',
  };
}
