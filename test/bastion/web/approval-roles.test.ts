import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../../support/bastion-web.ts';

let web: BastionWeb;
let viewer: Record<string, string>;
let approver: Record<string, string>;
beforeAll(async () => {
  web = await startBastionWeb();
  viewer = await web.signIn('viewer');
  approver = await web.signIn('approver');
});
afterAll(() => web.close());

const ACTS: readonly (readonly [method: string, path: string])[] = [
  ['POST', '/api/approvals/r-unknown/grant'],
  ['POST', '/api/approvals/r-unknown/refuse'],
  ['POST', '/api/approvals/refuse'],
  ['POST', '/api/grants/g-unknown/revoke'],
  ['PUT', '/api/operators/mallory/lock'],
  ['POST', '/api/operators/mallory/end-sessions'],
];

test.each(['/api/approvals', '/api/operators/locks'])(
  'a viewer may look at %s, a stranger may not',
  async (path) => {
    expect(await web.fetch(path, { headers: viewer })).toMatchObject({ status: 200 });
    expect(await web.fetch(path)).toMatchObject({ status: 401 });
  },
);

test.each(ACTS)('%s %s is for approvers, not for viewers or strangers', async (method, path) => {
  expect((await web.fetch(path, { method, body: {} })).status).toBe(401);
  expect((await web.fetch(path, { method, body: {}, headers: viewer })).status).toBe(403);
  const { status } = await web.fetch(path, { method, body: {}, headers: approver });
  expect([401, 403]).not.toContain(status);
});

test('an approver may not let an operator in again: that is for administrators', async () => {
  const unlock = { method: 'DELETE', headers: approver };
  expect((await web.fetch('/api/operators/mallory/lock', unlock)).status).toBe(403);
});

test('a misspelt filter refuses nothing instead of everything', async () => {
  const body = { newcomer: true };
  const { status } = await web.fetch('/api/approvals/refuse', { method: 'POST', body, headers: approver });
  expect(status).toBe(400);
});
