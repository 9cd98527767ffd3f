import { decide, judge, type PolicyDecision, type PolicyDenial, type PolicyRequest } from './decide.ts';
import type { PolicyLimits } from './limits.ts';
import { expandLogin } from './logins.ts';
import type { Policy, PolicyRole } from './schema.ts';
import { DEFAULT_ZONE, ZoneCalendar } from './zone-time.ts';

/** What one role says to a request, in words. */
export interface RoleExplanation {
  readonly role: string;
  readonly allows: boolean;
  /** The condition that is not met. */
  readonly code?: PolicyDenial;
  /** One sentence without its full stop: why it allows, or what is missing. */
  readonly why: string;
  /** ISO time at which this changes by itself. */
  readonly until?: string;
}

/** A decision with its reasons. */
export interface PolicyExplanation {
  readonly allow: boolean;
  /** The first role that allows. */
  readonly rule?: string;
  readonly code?: PolicyDenial;
  /** What is missing, as the operator is told. */
  readonly reason?: string;
  readonly limits?: PolicyLimits;
  /** True when the standard input of commands is kept. */
  readonly keepsStdin?: boolean;
  /** ISO time that was asked about. */
  readonly at: string;
  /** ISO time at which the answer may be another. */
  readonly until?: string;
  readonly roles: readonly RoleExplanation[];
}

/** Decides, and says of each role why it allows or does not. */
export function explain(policy: Policy, request: PolicyRequest): PolicyExplanation {
  const decision: PolicyDecision = decide(policy, request);
  const roles = policy.roles.map((role): RoleExplanation => {
    const { missing, untilMs } = judge(role, request, policy.zone);
    const until = Number.isFinite(untilMs) ? { until: new Date(untilMs).toISOString() } : {};
    const approved = decision.allow || decision.code !== 'policy.approval';
    if (missing === undefined && !approved) {
      const why = 'it allows this once the customer has approved it';
      return { role: role.name, allows: false, code: 'policy.approval', why, ...until };
    }
    return missing === undefined
      ? { role: role.name, allows: true, why: `it allows ${request.operator} this`, ...until }
      : {
          role: role.name,
          allows: false,
          code: missing,
          why: whyNot(missing, role, request, untilMs, policy.zone),
          ...until,
        };
  });
  return {
    allow: decision.allow,
    ...(decision.allow
      ? {
          rule: decision.rule,
          limits: decision.limits,
          ...(decision.keepsStdin === true ? { keepsStdin: true } : {}),
        }
      : { code: decision.code, reason: decision.reason }),
    at: new Date(request.timeMs).toISOString(),
    ...(decision.untilMs === undefined ? {} : { until: new Date(decision.untilMs).toISOString() }),
    roles,
  };
}

function whyNot(
  missing: PolicyDenial,
  role: PolicyRole,
  request: PolicyRequest,
  untilMs: number,
  zone: string | undefined,
): string {
  const { operator, host, login, action } = request;
  switch (missing) {
    case 'policy.group':
      return `it is for the groups ${role.groups.join(', ')}, and ${operator} is in ${listed(request.groups, 'no group')}`;
    case 'policy.host':
      return `it covers ${hostsOf(role)}, and ${host} has the labels ${listed(labelsOf(request.labels), '(none)')}`;
    case 'policy.mfa':
      return `it asks for a second factor, and ${operator} signed in with ${listed(request.amr, 'nothing that is known')}`;
    case 'policy.user_verification':
      return `it asks for a finger, a face or the PIN of a security key, and ${operator} signed in with ${listed(request.amr, 'nothing that is known')}`;
    case 'policy.trusted_device':
      return `it asks for a trusted device, and the pass of ${operator} names none`;
    case 'policy.source':
      return `it is for the addresses ${role.require.source?.join(', ') ?? ''}, and ${operator} comes from ${request.source ?? 'an address that is not known'}`;
    case 'policy.login':
      return `it gives the logins ${listed(loginsOf(role, operator), '(none)')}, not ${login === '' ? 'one' : login}`;
    case 'policy.action':
      return action.kind === 'forward'
        ? `it allows forwards to ${listed(role.forward, 'nowhere')}, not to ${action.host}:${action.port}`
        : `it allows ${listed(role.allow, 'no channel')}, not ${action.kind}`;
    case 'policy.valid':
      return `its period is ${role.valid?.from ?? 'any time'} to ${role.valid?.until ?? 'any time'}`;
    case 'policy.window':
      return Number.isFinite(untilMs)
        ? `none of its windows is open; the next opens at ${shown(untilMs, zone)}`
        : 'none of its windows ever opens';
    default:
      return `its condition ${missing} is not met`;
  }
}

function shown(timeMs: number, zone: string | undefined): string {
  const name = zone ?? DEFAULT_ZONE;
  return `${new ZoneCalendar(name, timeMs).textAt(timeMs)} ${name}`;
}

function hostsOf({ hosts }: PolicyRole): string {
  const named = hosts.names === undefined ? [] : [`hosts named ${hosts.names.join(', ')}`];
  const labelled =
    hosts.labels === undefined ? [] : [`hosts with the labels ${labelsOf(hosts.labels).join(', ')}`];
  return [...named, ...labelled].join(' that are ');
}

function labelsOf(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}

function loginsOf(role: PolicyRole, operator: string): string[] {
  return role.logins.map((entry) => expandLogin(entry, operator)).filter((login) => login !== undefined);
}

function listed(items: readonly string[], none: string): string {
  return items.length === 0 ? none : items.join(', ');
}
