import { matchesDestination, parseDestination } from './destination.ts';
import { isMultiFactor } from './factors.ts';
import { matchesGlob } from './glob.ts';
import { expandLogin } from './logins.ts';
import type { Policy, PolicyRole } from './schema.ts';

/** What an operator wants to do on a host. */
export type PolicyAction =
  /** To reach the host at all, with some login. */
  | { readonly kind: 'reach' }
  /** To sign in with the login, whatever is done then. */
  | { readonly kind: 'login' }
  | { readonly kind: 'shell' }
  | { readonly kind: 'exec' }
  | { readonly kind: 'sftp' }
  | { readonly kind: 'forward'; readonly host: string; readonly port: number };

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
}

/** The answer, with the role that allows or one sentence that says what is missing. */
export type PolicyDecision =
  | { readonly allow: true; readonly rule: string }
  | { readonly allow: false; readonly code: PolicyDenial; readonly reason: string };

export type PolicyDenial = 'policy.group' | 'policy.host' | 'policy.mfa' | 'policy.login' | 'policy.action';

/** How far a role goes with a request; the furthest one gives the reason of a denial. */
const STEPS: readonly PolicyDenial[] = [
  'policy.group',
  'policy.host',
  'policy.mfa',
  'policy.login',
  'policy.action',
];

/** Decides. Pure: the same policy and request give the same answer. What no role allows is denied. */
export function decide(policy: Policy, request: PolicyRequest): PolicyDecision {
  let furthest = 0;
  for (const role of policy.roles) {
    const missing = firstMissing(role, request);
    if (missing === undefined) return { allow: true, rule: role.name };
    furthest = Math.max(furthest, STEPS.indexOf(missing));
  }
  const code = STEPS[furthest] ?? 'policy.group';
  return { allow: false, code, reason: reasonFor(code, request) };
}

/** The first of a role's conditions that the request does not meet, in the order of {@link STEPS}. */
function firstMissing(role: PolicyRole, request: PolicyRequest): PolicyDenial | undefined {
  if (!role.groups.some((group) => request.groups.includes(group))) return 'policy.group';
  if (!coversHost(role, request)) return 'policy.host';
  if (role.require.mfa && !isMultiFactor(request.amr)) return 'policy.mfa';
  if (!givesLogin(role, request)) return 'policy.login';
  if (!allowsAction(role, request.action)) return 'policy.action';
  return undefined;
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
      return role.allow.length > 0 || role.forward.length > 0;
    case 'forward':
      return role.forward.some((text) => {
        const pattern = parseDestination(text);
        return pattern !== undefined && matchesDestination(pattern, action.host, action.port);
      });
    default:
      return role.allow.includes(action.kind);
  }
}

function reasonFor(code: PolicyDenial, request: PolicyRequest): string {
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
    case 'policy.login':
      return request.action.kind === 'reach'
        ? `no role gives ${operator} a login on ${host}`
        : `the policy does not let ${operator} use the login ${login} on ${host}`;
    case 'policy.action':
      return `the policy does not allow ${operator} ${nameOf(request.action)} on ${host} as ${login}`;
  }
}

function nameOf(action: PolicyAction): string {
  switch (action.kind) {
    case 'reach':
    case 'login':
      return 'to do anything';
    case 'forward':
      return `a forward to ${action.host}:${action.port}`;
    case 'exec':
      return 'to run commands';
    default:
      return `a ${action.kind} session`;
  }
}
