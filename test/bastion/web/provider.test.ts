import { expect, onTestFinished, test } from 'vitest';
import { startAdminProvider } from '../../support/admin-provider.ts';
import { type BastionWeb, startBastionWeb, type WebAnswer } from '../../support/bastion-web.ts';

const PAGE = 'https://bastion.acme.example';

async function start() {
  const provider = await startAdminProvider(PAGE);
  const web = await startBastionWeb({ provider: await provider.open() });
  onTestFinished(() => web.close());
  return { ...provider, web };
}

function cookieOf(answer: WebAnswer, name: string): { header: string; attributes: string } {
  const line = answer.headers['set-cookie']?.find((one) => one.startsWith(`${name}=`)) ?? '';
  const [header = '', ...attributes] = line.split('; ');
  return { header, attributes: attributes.join('; ') };
}

/** Goes to the directory and back, as a browser does, and gives the callback's answer. */
async function callBack({ web, directory }: Awaited<ReturnType<typeof start>>): Promise<WebAnswer> {
  const began = await web.fetch('/api/login/provider', { method: 'POST' });
  const { header, attributes } = cookieOf(began, '__Host-drawbridge-provider');
  expect(attributes).toBe('Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax');
  const back = await directory.comeBack((began.json as { location: string }).location);
  return web.fetch(back.pathname + back.search, { headers: { cookie: header } });
}

const me = async (web: BastionWeb, cookie: string) =>
  (await web.fetch('/api/me', { headers: { cookie } })).json;

test('the callback signs in with a strict cookie and leads to the page, where there is nothing of an account', async () => {
  const parts = await start();
  const { web, directory } = parts;
  directory.person.claims = { preferred_username: 'alice', groups: ['it'] };
  expect((await web.fetch('/api/login/ways')).json).toEqual({ provider: { title: 'Acme Directory' } });
  const answer = await callBack(parts);
  expect(answer.status).toBe(302);
  expect(answer.headers.location).toBe('../../../');
  expect(cookieOf(answer, '__Host-drawbridge-provider').attributes).toContain('Expires=Thu, 01 Jan 1970');
  const { header, attributes } = cookieOf(answer, '__Host-drawbridge');
  expect(attributes).toContain('HttpOnly; Secure; SameSite=Strict');
  expect(await me(web, header)).toMatchObject({ username: 'corp/alice', role: 'admin', provided: true });

  const headers = { cookie: header };
  const list = await web.fetch('/api/me/sessions', { headers });
  expect(list.json).toMatchObject({ sessions: [{ current: true }] });
  for (const path of ['/api/me/setup-link', '/api/me/security-keys/options']) {
    const refused = await web.fetch(path, { method: 'POST', headers });
    expect(refused).toMatchObject({ status: 403, json: { code: 'login.provided' } });
  }
  // Who came by the directory has no account that a password could open.
  expect(await web.admins.list()).toEqual([]);
  const body = { username: 'corp/alice', password: 'whatever it may be', code: '000000' };
  expect((await web.fetch('/api/login', { method: 'POST', body })).status).toBe(401);

  // An administrator ends the sign-ins of one of them, and of nobody else.
  const other = await callBack(parts);
  const { header: again } = cookieOf(other, '__Host-drawbridge');
  await web.admins.create({ username: 'root', role: 'admin' });
  const { secret } = await web.admins.createToken('admin:root', 'robot', 'admin');
  const { secret: local } = await web.admins.sessions.open('root', '192.0.2.1');
  const byToken = { method: 'DELETE', headers: { authorization: `Bearer ${secret}` } };
  const seen = await web.fetch('/api/administrators', { headers: byToken.headers });
  expect(seen.json).toMatchObject({
    administrators: [{ username: 'root' }],
    provided: [{ username: 'corp/alice', role: 'admin', signIns: 2 }],
  });
  const ended = await web.fetch('/api/administrators/corp%2Falice/sign-ins', byToken);
  expect(ended).toMatchObject({ status: 200, json: { ended: 2 } });
  expect(await me(web, header)).toMatchObject({ code: 'login.required' });
  expect(await me(web, again)).toMatchObject({ code: 'login.required' });
  expect(await web.admins.sessions.find(local, false)).toMatchObject({ username: 'root' });
});

test('sign-ins by a directory end with the bastion that knew its groups', async () => {
  const parts = await start();
  const { web, directory } = parts;
  directory.person.claims = { preferred_username: 'alice', groups: ['it'] };
  const { header } = cookieOf(await callBack(parts), '__Host-drawbridge');
  expect(await me(web, header)).toMatchObject({ username: 'corp/alice' });
  await web.admins.sessions.endProvided();
  expect(await me(web, header)).toMatchObject({ code: 'login.required' });
});

test('a sign-in is begun by the page alone, and whatever was wrong, the browser gets to the page with the same word and without a session', async () => {
  const parts = await start();
  const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  const foreign = await parts.web.fetch('/api/login/provider', { method: 'POST', headers });
  expect(foreign).toMatchObject({ status: 403, json: { code: 'request.cross_site' } });

  parts.directory.person.claims = { preferred_username: 'bob', groups: [] };
  const withoutRole = await callBack(parts);
  const withoutCookie = await parts.web.fetch('/api/login/provider/callback?code=x&state=y');
  for (const answer of [withoutRole, withoutCookie]) {
    expect(answer.status).toBe(302);
    expect(answer.headers.location).toBe('../../../#provider-refused');
    expect(cookieOf(answer, '__Host-drawbridge').header).toBe('');
  }
});

test('without a directory there is no such way, and its sessions go without those of accounts', async () => {
  const web = await startBastionWeb();
  onTestFinished(() => web.close());
  expect((await web.fetch('/api/login/ways')).json).toEqual({});
  expect((await web.fetch('/api/login/provider', { method: 'POST' })).status).toBe(404);
  expect((await web.fetch('/api/login/provider/callback?code=x&state=y')).status).toBe(404);

  // Whose sessions are left from when there was one: shorter, with a role of their own, and gone at the next start.
  const { sessions } = web.admins;
  await web.addAdmin('carol', 'viewer');
  const local = await sessions.open('carol', '192.0.2.7');
  const provided = await sessions.open('corp/alice', '192.0.2.7', {
    role: 'approver',
    lastsMs: 600_000,
  });
  expect(provided.expiresAtMs - Date.now()).toBeLessThanOrEqual(600_000);
  expect(await sessions.find(provided.secret, false)).toMatchObject({ role: 'approver', provided: true });
  expect(await sessions.find(local.secret, false)).toMatchObject({ role: 'viewer', provided: false });
  await sessions.endProvided();
  expect(await sessions.find(provided.secret, false)).toBeUndefined();
  expect(await sessions.find(local.secret, false)).toBeDefined();
});
