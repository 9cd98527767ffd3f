import { isInRanges, parseAddressRange } from '../../shared/address-range.ts';
import { type ApprovalNeed, coveringGrant, type PolicyGrant } from './approval.ts';
import { matchesDestination, parseDestination } from './destination.ts';
import { isMultiFactor, isUserVerified } from './factors.ts';
import { matchesGlob } from './glob.ts';
import { limitsOf, type PolicyLimits, widestLimits } from './limits.ts';
import { expandLogin } from './logins.ts';
import type { Policy, PolicyRole } from './schema.ts';
import { timesOf } from './times.ts';
import { DEFAULT_ZONE, ZoneCalendar } from './zone-time.ts';

/** What an operator wants to do on a host. */
export type PolicyAction =
  /** To reach the host at all, with some login. */
  | { readonly kind: 'reach' }
  /** To sign in with the login, whatever is done then. */
  | { readonly kind: 'login' }
  | { readonly kind: 'shell' }
  | { readonly kind: 'exec' }
  | { readonly kind: 'sftp' }
  | { readonly kind: 'forward'; readonly host: string; readonly port: number }
  /** To let the host listen at this address. `*`: at all of them; port 0: at one that the host chooses. */
  | { readonly kind: 'remote_forward'; readonly host: string; readonly port: number }
  /** To let the host use the operator's SSH agent. */
  | { readonly kind: 'agent_forwarding' };

/** Everything that a decision may depend on. */
export interface PolicyRequest {
  readonly operator: string;
  readonly groups: readonly string[];
  /** How the operator signed in (RFC 8176). */
  readonly amr: readonly string[];
  /** Trusted device, when there is one. */
  readonly device?: string;
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  /** UNIX login; ignored for `reach`. */
  readonly login: string;
  readonly action: PolicyAction;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** The operator's address, as the proxy reports it. */
  readonly source?: string;
  /** What the customer has approved and is in force. */
  readonly grants?: readonly PolicyGrant[];
}

/** The answer, with the role that allows or one sentence that says what is missing. */
export type PolicyDecision =
  | {
      readonly allow: true;
      /** The first role that allows. */
      readonly rule: string;
      /** Of each limit the widest of all roles that allow this at this time. */
      readonly limits: PolicyLimits;
      /** Milliseconds since the epoch at which the answer may be another; left out when time does not change it. */
      readonly untilMs?: number;
      /** Id of the grant that it needs, when no role allows it without one. */
      readonly grant?: string;
      /** True when one of the roles that allow this wants the standard input of commands kept. */
      readonly keepsStdin?: boolean;
      /** True for a sign-in that leads to nothing without the customer's approval. */
      readonly needsApproval?: boolean;
    }
  | {
      readonly allow: false;
      readonly code: PolicyDenial;
      readonly reason: string;
      /** With `policy.approval`: what may be asked for. */
      readonly approval?: ApprovalNeed;
      /** As above: when it may be allowed. */
      readonly untilMs?: number;
    };

/** How far a role goes with a request; the furthest one gives the reason of a denial. */
export const POLICY_DENIALS = [
  'policy.group',
  'policy.host',
  'policy.mfa',
  'policy.user_verification',
  'policy.trusted_device',
  'policy.source',
  'policy.login',
  'policy.action',
  'policy.valid',
  'policy.window',
  'policy.approval',
] as const;

export type PolicyDenial = (typeof POLICY_DENIALS)[number];

/** What one role says to a request. */
export interface RoleVerdict {
  readonly role: PolicyRole;
  /** The first condition that is not met; none when the role allows. */
  readonly missing?: PolicyDenial;
  /** When this may change by time alone; `Infinity` when it does not. */
  readonly untilMs: number;
}

/**
 * Decides. Pure: the same policy and request give the same answer. What no role allows is denied; where several roles
 * allow, of each limit the widest counts, so that no group and no role ever takes anything away.
 */
export function decide(policy: Policy, request: PolicyRequest): PolicyDecision {
  const verdicts = policy.roles.map((role) => judge(role, request, policy.zone));
  const untilMs = Math.min(...verdicts.map((verdict) => verdict.untilMs));
  const until = Number.isFinite(untilMs) ? { untilMs } : {};
  const allowing = verdicts.filter(({ missing }) => missing === undefined).map(({ role }) => role);
  if (allowing.length > 0) return withApproval(allowing, request, until);
  const furthest = Math.max(0, ...verdicts.map(({ missing }) => stepOf(missing)));
  const code = POLICY_DENIALS[furthest] ?? 'policy.group';
  return { allow: false, code, reason: reasonFor(code, request, { untilMs, zone: policy.zone }), ...until };
}

/**
 * Of roles that allow something, those that need no approval or have one. To reach a host and to sign in need none,
 * since that is where an operator asks for it.
 */
function withApproval(
  allowing: readonly PolicyRole[],
  request: PolicyRequest,
  until: { readonly untilMs?: number },
): PolicyDecision {
  const asks = request.action.kind !== 'reach' && request.action.kind !== 'login';
  const free = asks ? allowing.filter((role) => role.approval === undefined) : allowing;
  const granted = asks ? allowing.filter((role) => coveringGrant(role, request) !== undefined) : [];
  const [first] = [...free, ...granted];
  if (first !== undefined) {
    const grant = free.length > 0 ? undefined : coveringGrant(first, request)?.id;
    const counting = [...free, ...granted];
    const limits = widestLimits(counting.map(limitsOf));
    const needsApproval = allowing.every((role) => role.approval !== undefined);
    return {
      allow: true,
      rule: first.name,
      limits,
      ...until,
      ...(grant === undefined ? {} : { grant }),
      ...(counting.some(({ record }) => record?.stdin === true) ? { keepsStdin: true } : {}),
      ...(needsApproval ? { needsApproval } : {}),
    };
  }
  const need = allowing.flatMap(({ name, approval }) =>
    approval === undefined ? [] : [{ role: name, rule: approval }],
  )[0];
  const reason = reasonFor('policy.approval', request, {
    untilMs: Number.POSITIVE_INFINITY,
    zone: undefined,
  });
  return {
    allow: false,
    code: 'policy.approval',
    reason,
    ...until,
    ...(need === undefined ? {} : { approval: need }),
  };
}

/** What `role` alone says to the request, with the first condition, in the order of {@link POLICY_DENIALS}, that is missing. */
export function judge(role: PolicyRole, request: PolicyRequest, zone: string | undefined): RoleVerdict {
  const missing = firstMissing(role, request);
  if (missing !== undefined) return { role, missing, untilMs: Number.POSITIVE_INFINITY };
  const { closedBy, untilMs } = timesOf(role, request.timeMs, zone);
  return closedBy === undefined ? { role, untilMs } : { role, missing: `policy.${closedBy}`, untilMs };
}

function stepOf(missing: PolicyDenial | undefined): number {
  return missing === undefined ? 0 : POLICY_DENIALS.indexOf(missing);
}

/** Of all conditions but those of time. */
function firstMissing(role: PolicyRole, request: PolicyRequest): PolicyDenial | undefined {
  if (!role.groups.some((group) => request.groups.includes(group))) return 'policy.group';
  if (!coversHost(role, request)) return 'policy.host';
  if (role.require.mfa && !isMultiFactor(request.amr)) return 'policy.mfa';
  if (role.require.user_verification && !isUserVerified(request.amr)) return 'policy.user_verification';
  if (role.require.trusted_device && request.device === undefined) return 'policy.trusted_device';
  if (!comesFrom(role.require.source, request.source)) return 'policy.source';
  if (!givesLogin(role, request)) return 'policy.login';
  if (!allowsAction(role, request.action)) return 'policy.action';
  return undefined;
}

function comesFrom(ranges: readonly string[] | undefined, source: string | undefined): boolean {
  if (ranges === undefined) return true;
  const parsed = ranges.map(parseAddressRange).filter((range) => range !== undefined);
  return source !== undefined && isInRanges(source, parsed);
}

function coversHost(role: PolicyRole, request: PolicyRequest): boolean {
  const { names, labels } = role.hosts;
  if (names !== undefined && !names.some((pattern) => matchesGlob(pattern, request.host))) return false;
  return Object.entries(labels ?? {}).every(
    ([key, value]) => Object.hasOwn(request.labels, key) && request.labels[key] === value,
  );
}

function givesLogin(role: PolicyRole, request: PolicyRequest): boolean {
  const logins = role.logins.map((entry) => expandLogin(entry, request.operator));
  if (request.action.kind === 'reach') return logins.some((login) => login !== undefined);
  return logins.includes(request.login);
}

function allowsAction(role: PolicyRole, action: PolicyAction): boolean {
  switch (action.kind) {
    case 'reach':
    case 'login':
      return role.allow.length > 0 || role.forward.length > 0 || role.remote_forward.length > 0;
    case 'forward':
      return isListed(role.forward, action.host, action.port);
    case 'remote_forward':
      if (action.port > 0) return isListed(role.remote_forward, action.host, action.port);
      // Whatever the host chooses has to be allowed.
      return role.remote_forward.some((text) =>
        [1, 65_535].every((port) => isListed([text], action.host, port)),
      );
    default:
      return role.allow.includes(action.kind);
  }
}

function isListed(patterns: readonly string[], host: string, port: number): boolean {
  return patterns.some((text) => {
    const pattern = parseDestination(text);
    return pattern !== undefined && matchesDestination(pattern, host, port);
  });
}

function reasonFor(
  code: PolicyDenial,
  request: PolicyRequest,
  times: { readonly untilMs: number; readonly zone: string | undefined },
): string {
  const { operator, host, login, groups } = request;
  switch (code) {
    case 'policy.group':
      return groups.length === 0
        ? `${operator} is in no group, and the policy allows by group`
        : `no role of the policy is for a group of ${operator} (${groups.slice(0, 20).join(', ')})`;
    case 'policy.host':
      return `no role of ${operator} covers the host ${host}`;
    case 'policy.mfa':
      return `the policy asks for a second factor, and ${operator} signed in without one`;
    case 'policy.user_verification':
      return `the policy asks for a sign-in by finger, face or the PIN of a security key; ${operator} can use drawbridge login --security-key`;
    case 'policy.trusted_device':
      return `the policy asks for a trusted device, and ${operator} did not log in from an approved one (drawbridge device show)`;
    case 'policy.source':
      return request.source === undefined
        ? `the policy asks where ${operator} comes from, and the proxy did not say`
        : `the policy does not let ${operator} in from the address ${request.source}`;
    case 'policy.login':
      return request.action.kind === 'reach'
        ? `no role gives ${operator} a login on ${host}`
        : `the policy does not let ${operator} use the login ${login} on ${host}`;
    case 'policy.action':
      return `the policy does not allow ${operator} ${nameOf(request.action)} on ${host} as ${login}`;
    case 'policy.valid':
      return `the period for which the policy allows this has ${Number.isFinite(times.untilMs) ? 'not begun' : 'ended'}${nextAt(times)}`;
    case 'policy.window':
      return `the policy allows this at other times only${nextAt(times)}`;
    case 'policy.approval':
      return `the policy asks for the customer's approval of what ${operator} does on ${host} as ${login}`;
  }
}

function nextAt(times: { readonly untilMs: number; readonly zone: string | undefined }): string {
  if (!Number.isFinite(times.untilMs)) return '';
  const zone = times.zone ?? DEFAULT_ZONE;
  return `, next from ${new ZoneCalendar(zone, times.untilMs).textAt(times.untilMs)} ${zone} on`;
}

function nameOf(action: PolicyAction): string {
  switch (action.kind) {
    case 'reach':
    case 'login':
      return 'to do anything';
    case 'forward':
      return `a forward to ${action.host}:${action.port}`;
    case 'remote_forward':
      return `to let the host listen at ${action.host}:${action.port} (-R)`;
    case 'agent_forwarding':
      return 'to forward an SSH agent (-A)';
    case 'exec':
      return 'to run commands';
    default:
      return `a ${action.kind} session`;
  }
}
