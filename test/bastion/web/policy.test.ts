import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../../support/bastion-web.ts';

let web: BastionWeb;
beforeAll(async () => {
  web = await startBastionWeb();
});
afterAll(() => web.close());

const POLICY = (group: string) =>
  `version: 1\nroles:\n  - { name: r, groups: [${group}], hosts: { names: ['*'] }, logins: [deploy], allow: [shell] }\n`;

test('a policy is checked, applied, compared and undone by the API, and every fault has its place', async () => {
  const headers = await web.signIn('admin');
  const send = (method: string, path: string, body?: unknown) =>
    web.fetch(path, { method, headers, ...(body === undefined ? {} : { body }) });
  const faulty = await send('POST', '/api/policy/check', { text: 'version: 1\nroles: [{ name: 1 }]\n' });
  expect(faulty).toMatchObject({ status: 422, json: { code: 'policy.invalid' } });
  expect(faulty.text).toMatch(/policy\.yaml:2:\d+: roles\[0\]\.name/);
  expect((await send('POST', '/api/policy/check', { text: POLICY('a') })).status).toBe(200);

  const applied = await send('PUT', '/api/policy', { text: POLICY('a'), message: 'a', expectedVersion: 1 });
  expect(applied).toMatchObject({ status: 200, json: { version: 2, message: 'a' } });
  expect(await send('PUT', '/api/policy', { text: POLICY('b'), expectedVersion: 1 })).toMatchObject({
    status: 409,
    json: { code: 'policy.changed_meanwhile' },
  });
  const question = { operator: 'alice', groups: ['a'], host: 'web-1', login: 'deploy' };
  expect(await send('POST', '/api/policy/explain', question)).toMatchObject({
    status: 200,
    json: { allow: true, rule: 'r', version: 2 },
  });
  expect(await send('POST', '/api/policy/explain', { ...question, text: POLICY('b') })).toMatchObject({
    json: { allow: false, roles: [{ role: 'r', allows: false }] },
  });
  expect(await send('GET', '/api/policy/difference?from=1&to=2')).toMatchObject({
    json: { lines: expect.arrayContaining([expect.stringMatching(/^\+ /)]) },
  });
  const misspelt = { text: POLICY('b'), message: 'x', expectedversion: 1 };
  expect(await send('PUT', '/api/policy', misspelt)).toMatchObject({ status: 400 });
  expect(await send('POST', '/api/policy/undo', { too: 1 })).toMatchObject({ status: 400 });
  expect(await send('POST', '/api/policy/undo')).toMatchObject({ status: 200, json: { version: 3 } });
  expect(await send('GET', '/api/policy/versions')).toMatchObject({
    json: { versions: [{ version: 3 }, { version: 2 }, { version: 1 }] },
  });
  expect(await send('GET', '/api/policy/versions/2')).toMatchObject({ json: { text: POLICY('a') } });
  expect((await send('GET', '/api/policy/versions/9')).status).toBe(404);
});

test('only administrators change the policy; whoever may look may ask it', async () => {
  for (const role of ['viewer', 'approver'] as const) {
    const headers = await web.signIn(role);
    const question = { operator: 'alice', host: 'web-1' };
    const asked = await web.fetch('/api/policy/explain', { method: 'POST', headers, body: question });
    expect(asked.status).toBe(200);
    const applied = await web.fetch('/api/policy', { method: 'PUT', headers, body: { text: POLICY('x') } });
    expect(applied.status).toBe(403);
    expect((await web.fetch('/api/policy/undo', { method: 'POST', headers })).status).toBe(403);
  }
});
