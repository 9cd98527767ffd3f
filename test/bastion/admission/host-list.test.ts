import { expect, test } from 'vitest';
import { listHostsFor } from '../../../bastion/admission/host-list.ts';
import { type Host, lostConnection } from '../../../bastion/hosts/host.ts';
import { parsePolicy } from '../../../bastion/policy/schema.ts';
import type { PassClaims } from '../../../shared/identity/claims.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function host(name: string, online = true): Host {
  return {
    ...{ id: `a-${name}`, name, online, labels: { is: name }, via: 'agent', target: 'builtin' },
    loss: () => lostConnection(name),
    connect: async () => {
      throw new Error('nobody connects');
    },
  };
}

const CLAIMS: PassClaims = {
  ...{ iss: 'p-1', sub: 'alice', aud: 'b-1', jti: 'j', cnf: 'SHA256:x', iat: 0, exp: 60, auth_time: 0 },
  groups: ['support'],
  amr: ['pwd', 'otp'],
};

function listFor(roles: string, options: { hosts: readonly Host[]; source?: string; groups?: string[] }) {
  const { hosts, source, groups = CLAIMS.groups } = options;
  const policy = parsePolicy(`version: 1\nroles:\n${roles}`, 'policy.yaml');
  return listHostsFor({ claims: { ...CLAIMS, groups }, source, hosts, policy, clock: new FakeClock() });
}

const role = (name: string, hosts: string, more = '') =>
  `  - { name: ${name}, groups: [support], hosts: { names: [${hosts}] }, logins: [root, '{{sub}}'], allow: [shell]${more} }\n`;

test('a host is listed with the logins that are open now, or with why there is none', () => {
  const roles = [
    role('free', 'web-1, web-2'),
    role('night', 'db-1', ", windows: [{ from: '01:00', to: '02:00' }]"),
    role('office', 'db-2', ", require: { source: ['192.0.2.0/24'] }"),
    role('asked', 'db-3', ', approval: {}'),
  ].join('');
  const hosts = [
    ...[host('web-1'), host('web-2', false), host('db-1'), host('db-2'), host('db-3'), host('secret')],
  ];
  const { hosts: listed } = listFor(roles, { hosts, source: '198.51.100.7' });
  const logins = ['alice', 'root'];
  expect(listed).toEqual([
    { name: 'web-1', online: true, labels: { is: 'web-1' }, logins },
    {
      ...{ name: 'web-2', online: false, labels: { is: 'web-2' }, logins },
      problem: 'Its agent is not connected.',
    },
    {
      ...{ name: 'db-1', online: true, labels: { is: 'db-1' }, logins: [] },
      problem: 'The policy allows this at other times only, next from 2030-01-02 01:00 UTC on.',
    },
    {
      ...{ name: 'db-2', online: true, labels: { is: 'db-2' }, logins: [] },
      problem: 'The policy does not let alice in from the address 198.51.100.7.',
    },
    { name: 'db-3', online: true, labels: { is: 'db-3' }, logins, needsApproval: true },
  ]);
  const inside = listFor(roles, { hosts, source: '192.0.2.7' }).hosts;
  expect(inside.find(({ name }) => name === 'db-2')).toMatchObject({ logins });
});

test('who has no role for a host does not learn that it is there', () => {
  expect(listFor(role('r', "'*'"), { hosts: [host('web-1')], groups: ['sales'] })).toEqual({ hosts: [] });
});

test('a list that is too long for its answer names hosts alone, and counts those that did not fit', () => {
  const hosts = Array.from({ length: 900 }, (_, i) => host(`a-host-with-a-long-name-${i}`));
  const { hosts: listed, more = 0 } = listFor(role('r', "'*'"), { hosts });
  expect(listed.length + more).toBe(900);
  expect(more).toBeGreaterThan(0);
  expect(listed[0]).toEqual({ name: 'a-host-with-a-long-name-0', online: true });
  expect(JSON.stringify({ hosts: listed, more }).length).toBeLessThan(16 * 1024);
});
