import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PolicyAdministration } from '../../../bastion/policy/policy-administration.ts';
import { PolicyStore } from '../../../bastion/policy/policy-store.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

function policyFor(...groups: string[]): string {
  const roles = groups.map(
    (group) =>
      `  - { name: ${group}, groups: [${group}], hosts: { names: ['*'] }, logins: [deploy], allow: [shell] }`,
  );
  return `version: 1\nroles:\n${roles.join('\n')}\n`;
}

async function openStore(text = policyFor('a')) {
  const directory = temporaryDirectory();
  const path = join(directory, 'policy.yaml');
  writeFileSync(path, text);
  const audit = new MemoryAudit();
  const clock = new FakeClock();
  const database = await Database.open(join(directory, 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  onTestFinished(() => database.close());
  const open = () => PolicyStore.open({ path, database, audit, clock });
  const store = await open();
  const policies = new PolicyAdministration({
    store,
    inForce: store,
    labelsOf: () => ({}),
    access: () => 'on',
    clock,
  });
  return { path, audit, store, policies, open };
}

test('every version is kept with who, when and why; what changed can be read between any two', async () => {
  const { policies, audit } = await openStore();
  await policies.apply('local:root', policyFor('a', 'b'), { message: 'b is new' });
  await policies.apply('admin:carol', policyFor('b'));
  expect(await policies.history({ limit: 10 })).toMatchObject([
    { version: 3, appliedBy: 'admin:carol' },
    { version: 2, appliedBy: 'local:root', message: 'b is new' },
    { version: 1, appliedBy: 'system' },
  ]);
  expect(await policies.history({ limit: 1, before: 3 })).toMatchObject([{ version: 2 }]);
  expect((await policies.version(2)).text).toBe(policyFor('a', 'b'));
  const lines = await policies.difference(1, 3);
  expect(lines.map((line) => line.slice(0, 13))).toEqual(['-   - { name:', '+   - { name:']);
  expect(audit.ofType('policy.changed').at(1)).toMatchObject({ message: 'b is new', version: 2 });
  await expect(policies.version(9)).rejects.toMatchObject({ code: 'policy.not_found' });
});

test('undo puts the version before in force, as a new one, in the file as well; undone again it is back', async () => {
  const { policies, store, path } = await openStore();
  await policies.apply('local:root', policyFor('a', 'b'));
  const undone = await policies.undo('admin:carol');
  expect(undone).toMatchObject({ version: 3, message: 'back to version 1' });
  expect(store.policy.roles.map((role) => role.name)).toEqual(['a']);
  expect(readFileSync(path, 'utf8')).toBe(policyFor('a'));
  await policies.undo('admin:carol');
  expect(store.policy.roles.map((role) => role.name)).toEqual(['a', 'b']);
  await policies.undo('admin:carol', { to: 1 });
  expect(store.policy.roles.map((role) => role.name)).toEqual(['a']);
});

test('there is nothing to undo before the first change', async () => {
  const { policies } = await openStore();
  await expect(policies.undo('local:root')).rejects.toMatchObject({ code: 'policy.not_found' });
});

test('a change made from an old version is refused, and changes at once come one after the other', async () => {
  const { policies } = await openStore();
  const results = await Promise.allSettled([
    policies.apply('admin:carol', policyFor('b'), { expectedVersion: 1 }),
    policies.apply('admin:dave', policyFor('c'), { expectedVersion: 1 }),
  ]);
  expect(results).toMatchObject([
    { status: 'fulfilled', value: { version: 2 } },
    { status: 'rejected', reason: { code: 'policy.changed_meanwhile' } },
  ]);
});

test('a change whose event or file can not be stored leaves the old policy in force', async () => {
  const { policies, store, audit, path } = await openStore();
  audit.failing = true;
  await expect(policies.apply('local:root', policyFor('b'))).rejects.toMatchObject({
    code: 'audit.unavailable',
  });
  audit.failing = false;
  rmSync(path);
  mkdirSync(path);
  await expect(policies.apply('local:root', policyFor('b'))).rejects.toMatchObject({
    code: 'policy.not_stored',
  });
  expect(store.policy.roles.map((role) => role.name)).toEqual(['a']);
});

test('a file that was changed while nothing ran is a version of its own', async () => {
  const { path, open, audit } = await openStore();
  writeFileSync(path, policyFor('z'));
  expect((await open()).summary).toMatchObject({ version: 2, message: 'the file was changed' });
  expect(audit.ofType('policy.changed')).toHaveLength(2);
});

test('a decision is explained role by role, of the policy in force and of a text', async () => {
  const { policies } = await openStore(policyFor('a', 'b'));
  const question = { operator: 'alice', groups: ['b'], host: 'web-1', login: 'deploy' };
  expect(policies.explain(question)).toMatchObject({
    allow: true,
    rule: 'b',
    version: 1,
    access: 'on',
    roles: [
      { role: 'a', allows: false, code: 'policy.group', why: 'it is for the groups a, and alice is in b' },
      { role: 'b', allows: true },
    ],
  });
  expect(policies.explain({ ...question, login: 'root' })).toMatchObject({
    allow: false,
    roles: [{}, { why: 'it gives the logins deploy, not root' }],
  });
  expect(policies.explain({ ...question, action: 'forward:[::1]:80' })).toMatchObject({
    roles: [{}, { why: 'it allows forwards to nowhere, not to ::1:80' }],
  });
  const windowed = policyFor('b').replace('allow: [shell]', "allow: [shell], windows: [{ to: '08:00' }]");
  expect(policies.explain({ ...question, at: '2026-03-29T09:00:00+00:00' }, windowed)).toMatchObject({
    allow: false,
    code: 'policy.window',
    until: '2026-03-30T00:00:00.000Z',
    roles: [{ why: 'none of its windows is open; the next opens at 2026-03-30 00:00 UTC' }],
  });
  expect(() => policies.explain({ ...question, action: 'fly' })).toThrow('There is no action "fly"');
});
