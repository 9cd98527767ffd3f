import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decide,
  type PolicyAction,
  type PolicyDecision,
  type PolicyRequest,
} from '../../../bastion/policy/decide.ts';
import { type Policy, parsePolicy } from '../../../bastion/policy/schema.ts';

const POLICY = `version: 1
roles:
  - name: web-support
    groups: [support]
    hosts: { names: ['web-*'], labels: { environment: production } }
    logins: ['{{sub}}', deploy]
    allow: [shell, exec]
    forward: ['localhost:5432', '*.internal:8000-8099', '[::1]:80']
  - name: readers
    groups: [readers, auditors]
    require: { mfa: false }
    hosts: { names: ['*'] }
    logins: [reader]
    allow: [sftp]
`;

const policy = parsePolicy(POLICY, 'policy.yaml');

function request(overrides: Partial<PolicyRequest> = {}): PolicyRequest {
  return {
    operator: 'alice',
    groups: ['support'],
    amr: ['pwd', 'otp', 'mfa'],
    host: 'web-1',
    labels: { environment: 'production' },
    login: 'deploy',
    action: { kind: 'shell' },
    timeMs: 0,
    ...overrides,
  };
}

describe('a role that asks how one signed in', () => {
  const strict = parsePolicy(
    POLICY.replace(
      'hosts: { names: [',
      'require: { user_verification: true, trusted_device: true }\n    hosts: { names: [',
    ),
    'policy.yaml',
  );
  const allowed = { amr: ['hwk', 'user', 'uv', 'mfa'], device: 'd-1' };

  test.each<[string, readonly string[]]>([
    ['a security key that verified its user', ['hwk', 'user', 'uv', 'mfa']],
    ['a fingerprint', ['pwd', 'fpt']],
    ['the PIN of a smart card', ['sc', 'pin']],
  ])('lets in with %s and a trusted device', (_what, amr) => {
    expect(decide(strict, request({ ...allowed, amr }))).toMatchObject({ allow: true });
  });

  test.each<[string, Partial<PolicyRequest>, string]>([
    ['password and code', { amr: ['pwd', 'otp', 'mfa'] }, 'policy.user_verification'],
    ['a touch without a check of the person', { amr: ['hwk', 'user', 'mfa'] }, 'policy.user_verification'],
    ['a PIN by itself', { amr: ['pwd', 'pin'] }, 'policy.user_verification'],
  ])('refuses %s', (_what, changes, code) => {
    expect(decide(strict, request({ ...allowed, ...changes }))).toMatchObject({ allow: false, code });
  });

  test('refuses whom no approved device stands behind', () => {
    const { device: _device, ...without } = allowed;
    const decision = decide(strict, request(without));
    expect(decision).toMatchObject({ allow: false, code: 'policy.trusted_device' });
  });
});

describe('a role that keeps standard input', () => {
  const keeping = parsePolicy(
    `${POLICY}  - name: keepers
    groups: [keepers]
    hosts: { names: ['*'] }
    logins: [deploy]
    allow: [exec]
    record: { stdin: true }
`,
    'policy.yaml',
  );
  const asked = (groups: readonly string[], action: PolicyAction) =>
    decide(keeping, request({ groups, action }));

  test('has it kept also where another role allows the same without', () => {
    expect(asked(['support', 'keepers'], { kind: 'exec' })).toMatchObject({
      rule: 'web-support',
      keepsStdin: true,
    });
  });

  test('says nothing about what it does not allow', () => {
    expect(asked(['support'], { kind: 'exec' })).not.toHaveProperty('keepsStdin');
    expect(asked(['support', 'keepers'], { kind: 'shell' })).not.toHaveProperty('keepsStdin');
  });
});

describe('a decision of the policy', () => {
  test.each<[string, Partial<PolicyRequest>]>([
    ['what a role names', {}],
    ["a login of the operator's own name", { login: 'alice' }],
    ['a forward to a named destination', { action: { kind: 'forward', host: 'LOCALHOST', port: 5432 } }],
    ['a forward into a range of ports', { action: { kind: 'forward', host: 'db.internal', port: 8042 } }],
    ['a forward to an IPv6 address', { action: { kind: 'forward', host: '::1', port: 80 } }],
    ['to reach a host, whatever the login', { action: { kind: 'reach' }, login: '' }],
    ['two factors without the word mfa', { amr: ['pwd', 'otp'] }],
    [
      'a role that asks for no second factor',
      {
        groups: ['auditors'],
        amr: ['pwd'],
        login: 'reader',
        action: { kind: 'sftp' },
        host: 'db-1',
        labels: {},
      },
    ],
  ])('allows %s', (_what, overrides) => {
    expect(decide(policy, request(overrides))).toMatchObject({ allow: true });
  });

  test.each<[string, Partial<PolicyRequest>, string]>([
    ['another group', { groups: ['sales'] }, 'policy.group'],
    ['no group', { groups: [] }, 'policy.group'],
    ['a host that does not match', { host: 'db-1' }, 'policy.host'],
    ['a host without the label', { labels: {} }, 'policy.host'],
    [
      'a label that is only inherited',
      { labels: Object.create({ environment: 'production' }) },
      'policy.host',
    ],
    ['one factor', { amr: ['pwd'] }, 'policy.mfa'],
    ['the same factor twice', { amr: ['pwd', 'pwd'] }, 'policy.mfa'],
    ['a login that is not named', { login: 'root' }, 'policy.login'],
    ['the template itself as a login', { login: '{{sub}}' }, 'policy.login'],
    ['an operator who calls themselves root', { operator: 'root', login: 'root' }, 'policy.login'],
    ['an operator whose name is no login', { operator: 'a b;c', login: 'a b;c' }, 'policy.login'],
    ['an action that is not listed', { action: { kind: 'sftp' } }, 'policy.action'],
    ['a forward elsewhere', { action: { kind: 'forward', host: 'localhost', port: 22 } }, 'policy.action'],
    [
      'a forward just outside the range',
      { action: { kind: 'forward', host: 'x.internal', port: 8100 } },
      'policy.action',
    ],
  ])('denies %s', (_what, overrides, code) => {
    expect(decide(policy, request(overrides))).toMatchObject({ allow: false, code });
  });

  test('denies everything when there is no role', () => {
    expect(decide({ version: 1, roles: [] }, request())).toMatchObject({ allow: false });
  });
});

function expectNoWider(narrow: PolicyDecision, wide: PolicyDecision): void {
  if (!narrow.allow) return;
  expect(wide.allow).toBe(true);
  if (!wide.allow) return;
  for (const key of ['sessionMs', 'sessions', 'fileSizeBytes'] as const) {
    const most = wide.limits[key] ?? Number.POSITIVE_INFINITY;
    expect(narrow.limits[key] ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(most);
  }
  for (const way of ['up', 'down'] as const) {
    if (narrow.limits.transfers[way]) expect(wide.limits.transfers[way]).toBe(true);
  }
}

const word = fc.constantFrom('a', 'b', 'web-1', 'web-2', 'root', 'deploy');
const anyRole = fc.record({
  name: fc.uuid(),
  groups: fc.array(word, { minLength: 1, maxLength: 3 }),
  require: fc.record({ mfa: fc.boolean(), user_verification: fc.boolean(), trusted_device: fc.boolean() }),
  hosts: fc.record({ names: fc.array(fc.constantFrom('*', 'web-*', 'a'), { minLength: 1, maxLength: 2 }) }),
  logins: fc.array(fc.constantFrom('{{sub}}', 'deploy', 'root'), { minLength: 1, maxLength: 3 }),
  allow: fc.uniqueArray(fc.constantFrom('shell' as const, 'exec' as const, 'sftp' as const)),
  forward: fc.array(fc.constantFrom('*:*', 'a:80', '*.internal:1-10'), { maxLength: 2 }),
  remote_forward: fc.constant<string[]>([]),
});
const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  version: fc.constant(1 as const),
  roles: fc.array(anyRole, { maxLength: 4 }),
});
const anyAction: fc.Arbitrary<PolicyAction> = fc.oneof(
  fc.constantFrom<PolicyAction>(
    { kind: 'reach' },
    { kind: 'login' },
    { kind: 'shell' },
    { kind: 'exec' },
    { kind: 'sftp' },
  ),
  fc.record({ kind: fc.constant('forward' as const), host: word, port: fc.integer({ min: 1, max: 100 }) }),
);
const anyRequest: fc.Arbitrary<PolicyRequest> = fc.record({
  operator: word,
  groups: fc.array(word, { maxLength: 3 }),
  amr: fc.array(fc.constantFrom('pwd', 'otp', 'mfa'), { maxLength: 2 }),
  host: word,
  labels: fc.constant({}),
  login: word,
  action: anyAction,
  timeMs: fc.nat({ max: 10 * 86_400_000 }),
});

describe('for every policy and request', () => {
  test('what is allowed is allowed by one role alone, and that role is named', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, (some, asked) => {
        const decision = decide(some, asked);
        const alone = some.roles.filter((role) => decide({ ...some, roles: [role] }, asked).allow);
        expect(decision.allow).toBe(alone.length > 0);
        if (decision.allow) expect(alone.map((role) => role.name)).toContain(decision.rule);
      }),
    );
  });

  test('taking a group, a factor or a role away never adds access', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, fc.nat(), (some, asked, at) => {
        if (decide(some, asked).allow) return;
        const without = <T>(list: readonly T[]): T[] =>
          list.filter((_item, index) => index !== at % (list.length || 1));
        expect(decide(some, { ...asked, groups: without(asked.groups) }).allow).toBe(false);
        expect(decide(some, { ...asked, amr: without(asked.amr) }).allow).toBe(false);
        expect(decide({ ...some, roles: without(some.roles) }, asked).allow).toBe(false);
      }),
    );
  });

  test('every limit is that of a role which allows it alone, and no role that allows it has a wider one', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, (some, asked) => {
        const decision = decide(some, asked);
        if (!decision.allow) return;
        const alone = some.roles
          .map((role) => decide({ ...some, roles: [role] }, asked))
          .filter((one) => one.allow)
          .map(({ limits }) => limits);
        for (const key of ['sessionMs', 'sessions', 'fileSizeBytes'] as const) {
          const widths = alone.map((limits) => limits[key] ?? Number.POSITIVE_INFINITY);
          expect(decision.limits[key] ?? Number.POSITIVE_INFINITY).toBe(Math.max(...widths));
        }
        for (const way of ['up', 'down'] as const) {
          expect(decision.limits.transfers[way]).toBe(alone.some(({ transfers }) => transfers[way]));
        }
      }),
    );
  });

  test('taking away a role, or giving one a limit, never widens what is allowed', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, fc.nat(), (some, asked, at) => {
        const index = at % (some.roles.length || 1);
        const without = some.roles.filter((_role, number) => number !== index);
        const limited = some.roles.map((role, number) =>
          number === index
            ? { ...role, limits: { ...role.limits, session: 1, sessions: 1, transfers: 'none' as const } }
            : role,
        );
        for (const roles of [without, limited])
          expectNoWider(decide({ ...some, roles }, asked), decide(some, asked));
      }),
    );
  });

  test('a narrower window never allows what a wider one does not', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, (some, asked) => {
        const roles = some.roles.map((role) => ({ ...role, windows: [{ from: '09:00', to: '10:00' }] }));
        const everywhere = some.roles.map(({ windows, ...role }) => role);
        const narrow = decide({ ...some, roles }, asked);
        if (narrow.allow) expect(decide({ ...some, roles: everywhere }, asked).allow).toBe(true);
      }),
    );
  });

  test('the answer holds up to the moment that it names', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, fc.double({ min: 0, max: 1, noNaN: true }), (some, asked, part) => {
        const now = decide(some, asked);
        const lastMs = (now.untilMs ?? asked.timeMs + 86_400_000) - 1;
        const timeMs = Math.floor(asked.timeMs + part * (lastMs - asked.timeMs));
        expect(decide(some, { ...asked, timeMs })).toEqual(now);
      }),
    );
  });

  test('who may do something may also sign in and reach the host', () => {
    fc.assert(
      fc.property(anyPolicy, anyRequest, (some, asked) => {
        if (!decide(some, asked).allow || asked.action.kind === 'reach') return;
        expect(decide(some, { ...asked, action: { kind: 'login' } }).allow).toBe(true);
        expect(decide(some, { ...asked, action: { kind: 'reach' } }).allow).toBe(true);
      }),
    );
  });
});
