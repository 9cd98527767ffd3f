import { z } from 'zod';
import { isDrawbridgeError } from '../../shared/errors.ts';
import { plainText } from '../../shared/plain-text.ts';
import type { ProvenOperator } from '../accounts/operators.ts';
import type { Directory } from '../store/directory.ts';
import type { EnrolledBastion, EnrolmentStore } from '../store/store.ts';
import type { Admission } from './admission.ts';

/** A bastion that has not answered after so long is listed with a problem instead of hosts. */
const HOSTS_REPLY_TIMEOUT_MS = 3_000;
/** Hosts of one bastion that are listed; more would not be read by anybody. */
const HOSTS_LIMIT = 5_000;
/** Longest sentence of a bastion about a host. */
const PROBLEM_LIMIT_CHARACTERS = 2_000;

const hostsReplySchema = z.object({
  hosts: z
    .array(
      z.object({
        name: z.string().max(253),
        online: z.boolean(),
        labels: z.record(z.string().max(128), z.string().max(256)).default({}),
        logins: z.array(z.string().max(64)).max(100).optional(),
        problem: z.string().max(PROBLEM_LIMIT_CHARACTERS).optional(),
        needsApproval: z.boolean().optional(),
      }),
    )
    .max(HOSTS_LIMIT),
  more: z.int().nonnegative().optional(),
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
  /** Why the operator does not get in there now, in the bastion's words. */
  readonly problem?: string;
  /** What is done there waits for the customer's approval. */
  readonly needsApproval?: true;
}

/** A bastion as it is listed to operators. */
export interface ListedBastion {
  readonly name: string;
  readonly id: string;
  /** OpenSSH one-line public key. */
  readonly hostKey: string;
  readonly online: boolean;
  /** Why its hosts are not listed, or not all. */
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
  source: string,
): Promise<{ readonly hosts: readonly ListedHost[]; readonly bastions: readonly ListedBastion[] }> {
  const answers = await Promise.all(
    (await activeBastions(parts.enrolments)).map(async (bastion) => {
      const online = (await parts.directory.count(bastion.id)) > 0;
      const listed = { ...described(bastion), online };
      if (!online) return { bastion: { ...listed, problem: 'It is not connected.' }, hosts: [] };
      try {
        const request = { v: 1, kind: 'hosts', source } as const;
        const reply = await parts.admission.ask(operator, bastion, request, HOSTS_REPLY_TIMEOUT_MS);
        const { more = 0, hosts } = hostsReplySchema.parse(reply);
        const problem = `${more} more of its hosts did not fit into the list.`;
        return {
          bastion: { ...listed, ...(more === 0 ? {} : { problem }) },
          hosts: hosts.map((host) => listedHost(host, bastion.name)),
        };
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

type HostInReply = z.infer<typeof hostsReplySchema>['hosts'][number];

/** A bastion's text about a host ends up on a terminal: it is a peer's. */
function listedHost(said: HostInReply, bastion: string): ListedHost {
  const { online, labels, logins, problem, needsApproval } = said;
  const name = plainText(said.name);
  const shownLabels = Object.entries(labels).map(([key, value]) => [plainText(key), plainText(value)]);
  return {
    name,
    bastion,
    address: `${name}.${bastion}`,
    online,
    labels: Object.fromEntries(shownLabels) as Record<string, string>,
    ...(logins === undefined ? {} : { logins: logins.map((login) => plainText(login)) }),
    ...(problem === undefined ? {} : { problem: plainText(problem) }),
    ...(needsApproval === true ? { needsApproval } : {}),
  };
}
