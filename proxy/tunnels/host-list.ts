import { z } from 'zod';
import { isDrawbridgeError } from '../../shared/errors.ts';
import type { ProvenOperator } from '../accounts/operators.ts';
import type { Directory } from '../store/directory.ts';
import type { EnrolledBastion, EnrolmentStore } from '../store/store.ts';
import type { Admission } from './admission.ts';
import { plainText } from './plain-text.ts';

/** A bastion that has not answered after so long is listed with a problem instead of hosts. */
const HOSTS_REPLY_TIMEOUT_MS = 3_000;
/** Hosts of one bastion that are listed; more would not be read by anybody. */
const HOSTS_LIMIT = 5_000;

const hostsReplySchema = z.object({
  hosts: z
    .array(
      z.object({
        name: z.string().max(253),
        online: z.boolean(),
        labels: z.record(z.string().max(128), z.string().max(256)).default({}),
        logins: z.array(z.string().max(64)).max(100).optional(),
      }),
    )
    .max(HOSTS_LIMIT),
});

/** A host that an operator may reach. */
export interface ListedHost {
  readonly name: string;
  readonly bastion: string;
  /** What to write: `web-1.acme`. */
  readonly address: string;
  readonly online: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Logins that are open to the operator, when the bastion tells. */
  readonly logins?: readonly string[];
}

/** A bastion as it is listed to operators. */
export interface ListedBastion {
  readonly name: string;
  readonly id: string;
  /** OpenSSH one-line public key. */
  readonly hostKey: string;
  readonly online: boolean;
  /** Why its hosts are not listed. */
  readonly problem?: string;
}

/** The bastions that are not revoked, and whether each has a tunnel here. */
export async function listBastions(
  enrolments: EnrolmentStore,
  directory: Directory,
): Promise<readonly ListedBastion[]> {
  return Promise.all(
    (await activeBastions(enrolments)).map(async (bastion) => ({
      ...described(bastion),
      online: (await directory.count(bastion.id)) > 0,
    })),
  );
}

/** Asks every connected bastion, all at once, which hosts the operator may reach. Takes 3 s at most. */
export async function listHosts(
  parts: {
    readonly admission: Admission;
    readonly enrolments: EnrolmentStore;
    readonly directory: Directory;
  },
  operator: ProvenOperator,
): Promise<{ readonly hosts: readonly ListedHost[]; readonly bastions: readonly ListedBastion[] }> {
  const answers = await Promise.all(
    (await activeBastions(parts.enrolments)).map(async (bastion) => {
      const online = (await parts.directory.count(bastion.id)) > 0;
      const listed = { ...described(bastion), online };
      if (!online) return { bastion: { ...listed, problem: 'It is not connected.' }, hosts: [] };
      try {
        const reply = await parts.admission.ask(operator, bastion, 'hosts', HOSTS_REPLY_TIMEOUT_MS);
        return { bastion: listed, hosts: hostsIn(reply, bastion.name) };
      } catch (error) {
        const problem = isDrawbridgeError(error) ? error.message : 'Its answer could not be read.';
        return { bastion: { ...listed, problem }, hosts: [] };
      }
    }),
  );
  return { hosts: answers.flatMap(({ hosts }) => hosts), bastions: answers.map(({ bastion }) => bastion) };
}

async function activeBastions(enrolments: EnrolmentStore): Promise<readonly EnrolledBastion[]> {
  return (await enrolments.listBastions()).filter(({ revokedAtMs }) => revokedAtMs === undefined);
}

function described(bastion: EnrolledBastion): Pick<ListedBastion, 'name' | 'id' | 'hostKey'> {
  return { name: bastion.name, id: bastion.id, hostKey: bastion.sshHostKey };
}

function hostsIn(reply: unknown, bastion: string): readonly ListedHost[] {
  return hostsReplySchema.parse(reply).hosts.map(({ name, online, labels, logins }) => {
    const host = plainText(name);
    const shownLabels = Object.entries(labels).map(([key, value]) => [plainText(key), plainText(value)]);
    return {
      name: host,
      bastion,
      address: `${host}.${bastion}`,
      online,
      labels: Object.fromEntries(shownLabels) as Record<string, string>,
      ...(logins === undefined ? {} : { logins: logins.map(plainText) }),
    };
  });
}
