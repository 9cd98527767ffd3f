import type { Clock } from '../../shared/clock.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import type { Host } from '../hosts/host.ts';
import { decide } from '../policy/decide.ts';
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
}

/**
 * The hosts that an operator may reach, with the logins they may use there. As many as fit into the answer, at first
 * with labels and logins, then by name alone; `more` counts those that did not fit.
 */
export function listHostsFor(input: {
  claims: PassClaims;
  source: string | undefined;
  hosts: readonly Host[];
  policy: Policy;
  clock: Clock;
}): { readonly hosts: readonly ReachableHost[]; readonly more?: number } {
  const reachable = input.hosts.flatMap((host) => {
    const logins = loginsFor(input, host);
    return logins.length === 0 ? [] : [{ name: host.name, online: host.online, labels: host.labels, logins }];
  });
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

function loginsFor(input: Parameters<typeof listHostsFor>[0], host: Host): string[] {
  const { claims, source, policy, clock } = input;
  const logins = new Set<string>();
  for (const role of policy.roles) {
    for (const entry of role.logins) {
      const login = expandLogin(entry, claims.sub);
      if (login === undefined || logins.has(login) || logins.size >= LOGINS_MAX) continue;
      const decision = decide(policy, {
        operator: claims.sub,
        groups: claims.groups,
        amr: claims.amr,
        ...(claims.device === undefined ? {} : { device: claims.device }),
        host: host.name,
        labels: host.labels,
        login,
        action: { kind: 'login' },
        timeMs: clock.nowMs(),
        ...(source === undefined ? {} : { source }),
      });
      if (decision.allow) logins.add(login);
    }
  }
  return [...logins].sort();
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
