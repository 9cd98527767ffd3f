import type { Clock } from '../../shared/clock.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import type { Host } from '../hosts/host.ts';
import { decide, type PolicyRequest } from '../policy/decide.ts';
import { expandLogin } from '../policy/logins.ts';
import type { Policy } from '../policy/schema.ts';

/** The list is one preface, which may have 16 KiB; the rest of it needs a little room. */
const LIST_LIMIT_BYTES = 15 * 1024;

/** Logins shown per host. */
const LOGINS_MAX = 20;

/** A host as an operator sees it. */
export interface ReachableHost {
  readonly name: string;
  readonly online: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly logins?: readonly string[];
  /** Why the operator gets in there with no login at this moment. */
  readonly problem?: string;
  /** What is done there waits for the customer's approval. */
  readonly needsApproval?: true;
}

const OFFLINE = 'Its agent is not connected.';

/** What a list of hosts is made from. */
export interface HostListInput {
  readonly claims: PassClaims;
  readonly source: string | undefined;
  readonly hosts: readonly Host[];
  readonly policy: Policy;
  readonly clock: Clock;
}

/**
 * The hosts that a role of the operator covers, with the logins that they may use there now, or why there is none. As
 * many as fit into the answer, at first with labels and logins, then by name alone; `more` counts those that did not fit.
 */
export function listHostsFor(input: HostListInput): {
  readonly hosts: readonly ReachableHost[];
  readonly more?: number;
} {
  const reachable = input.hosts.flatMap((host) => describe(input, host) ?? []);
  if (sizeOf(reachable) <= LIST_LIMIT_BYTES) return { hosts: reachable };
  const short: ReachableHost[] = [];
  let sizeBytes = 0;
  for (const { name, online } of reachable) {
    sizeBytes += sizeOf({ name, online }) + 1;
    if (sizeBytes > LIST_LIMIT_BYTES) break;
    short.push({ name, online });
  }
  return { hosts: short, more: reachable.length - short.length };
}

/** Undefined for a host that the operator is not to know. */
function describe(input: HostListInput, host: Host): ReachableHost | undefined {
  const { name, online, labels } = host;
  const allowed = loginsFor(input, host);
  if (allowed.size > 0) {
    const needsApproval = [...allowed.values()].every((waits) => waits);
    return {
      ...{ name, online, labels, logins: [...allowed.keys()].sort() },
      ...(online ? {} : { problem: OFFLINE }),
      ...(needsApproval ? { needsApproval } : {}),
    };
  }
  const decision = decide(input.policy, requestFor(input, host, '', 'reach'));
  // The same line as at the door: who is in no group for a host is told no more than that of one that does not exist.
  if (decision.allow || decision.code === 'policy.group' || decision.code === 'policy.host') return undefined;
  return { name, online, labels, logins: [], problem: sentenceOf(decision.reason) };
}

/** The logins that are open to the operator now, and whether each leads to nothing without the customer's approval. */
function loginsFor(input: HostListInput, host: Host): Map<string, boolean> {
  const logins = new Map<string, boolean>();
  for (const role of input.policy.roles) {
    for (const entry of role.logins) {
      const login = expandLogin(entry, input.claims.sub);
      if (login === undefined || logins.has(login) || logins.size >= LOGINS_MAX) continue;
      const decision = decide(input.policy, requestFor(input, host, login, 'login'));
      if (decision.allow) logins.set(login, decision.needsApproval === true);
    }
  }
  return logins;
}

function requestFor(
  { claims, source, clock }: HostListInput,
  host: Host,
  login: string,
  kind: 'login' | 'reach',
): PolicyRequest {
  return {
    operator: claims.sub,
    groups: claims.groups,
    amr: claims.amr,
    ...(claims.device === undefined ? {} : { device: claims.device }),
    host: host.name,
    labels: host.labels,
    login,
    action: { kind },
    timeMs: clock.nowMs(),
    ...(source === undefined ? {} : { source }),
  };
}

function sentenceOf(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
