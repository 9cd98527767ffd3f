import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SESSION_COOKIE } from '../../../bastion/web/access-guard.ts';
import { listen } from '../../../bastion/web/listen.ts';
import { type BastionWeb, startBastionWeb } from '../../support/bastion-web.ts';
import { totpCode } from '../../support/totp.ts';

let web: BastionWeb;
let admin: Record<string, string>;
let approver: Record<string, string>;
let viewer: Record<string, string>;
beforeAll(async () => {
  web = await startBastionWeb();
  admin = await web.signIn('admin');
  approver = await web.signIn('approver');
  viewer = await web.signIn('viewer');
});
afterAll(() => web.close());

const OFF = { method: 'PUT', body: { state: 'off' } };

describe('signing in', () => {
  test('sets a cookie that no script, no other site and no plain HTTP gets at', async () => {
    const { password, totpSecret } = await web.addAdmin('carol', 'admin');
    const code = totpCode(totpSecret, Date.now());
    const body = { username: 'carol', password, code };
    const answer = await web.fetch('/api/login', { method: 'POST', body });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ username: 'carol', role: 'admin' });
    const cookie = answer.headers['set-cookie']?.[0] ?? '';
    for (const part of [`${SESSION_COOKIE}=`, 'HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/']) {
      expect(cookie).toContain(part);
    }
    expect(answer.text).not.toContain(cookie.split(/[=;]/)[1]);

    const spent = await web.fetch('/api/login', { method: 'POST', body });
    expect(spent.status).toBe(401);
    expect(spent.json).toMatchObject({ code: 'login.refused' });
    expect(spent.headers['set-cookie']).toBeUndefined();
  });

  test('is refused from the page of another site', async () => {
    const body = { username: 'carol', password: 'x', code: '000000' };
    const headers = { origin: 'https://evil.example' };
    const answer = await web.fetch('/api/login', { method: 'POST', body, headers });
    expect(answer.json).toMatchObject({ code: 'request.cross_site' });
  });

  test('ends with signing out', async () => {
    const headers = await web.signIn('viewer');
    expect((await web.fetch('/api/me', { headers })).status).toBe(200);
    expect((await web.fetch('/api/logout', { method: 'POST', headers })).status).toBe(200);
    expect((await web.fetch('/api/me', { headers })).status).toBe(401);
  });

  test('can be ended from another place', async () => {
    const headers = await web.signIn('viewer');
    const list = await web.fetch('/api/me/sessions', { headers });
    const [session] = (list.json as { sessions: { id: string; current: boolean }[] }).sessions;
    expect(session?.current).toBe(true);
    const ended = await web.fetch(`/api/me/sessions/${session?.id}`, { method: 'DELETE', headers });
    expect(ended.status).toBe(200);
    expect((await web.fetch('/api/me', { headers })).status).toBe(401);
  });

  test('is held off after too many failures', async () => {
    await web.addAdmin('dora', 'admin');
    const body = { username: 'dora', password: 'wrong', code: '000000' };
    const statuses: number[] = [];
    for (let n = 0; n < 11; n++)
      statuses.push((await web.fetch('/api/login', { method: 'POST', body })).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(statuses[10]).toBe(429);
  }, 60_000);
});

describe('who may do what', () => {
  test('nothing but probes, enrolment and the sign-in answers without a sign-in', async () => {
    const guarded = [
      '/api/me',
      '/api/status',
      '/api/sessions',
      '/api/sessions/x',
      '/api/sessions/x/recording',
      '/api/sessions/x/live',
      '/api/audit',
      '/api/audit/export',
      '/api/events',
      '/api/hosts',
      '/api/policy',
      '/api/policy/versions',
      '/api/policy/versions/1',
      '/api/policy/difference?from=1&to=1',
      '/api/search?q=a',
      '/api/api-tokens',
    ];
    for (const path of guarded) {
      const answer = await web.fetch(path);
      expect([path, answer.status, answer.json]).toEqual([
        path,
        401,
        expect.objectContaining({ code: 'login.required' }),
      ]);
    }
    for (const path of ['/healthz', '/readyz', '/.well-known/drawbridge', '/api/openapi.json']) {
      expect([path, (await web.fetch(path)).status]).toEqual([path, 200]);
    }
  });

  test('a made-up cookie and a made-up token are nobody', async () => {
    for (const headers of [
      { cookie: `${SESSION_COOKIE}=AAAA` },
      { authorization: 'Bearer dba_AAAA' },
      { authorization: 'Basic AAAA' },
    ]) {
      expect((await web.fetch('/api/status', { headers })).status).toBe(401);
    }
  });

  test('a viewer sees and can not change', async () => {
    expect((await web.fetch('/api/status', { headers: viewer })).status).toBe(200);
    const changes: [string, { method: string; body?: unknown }][] = [
      ['/api/access', OFF],
      ['/api/sessions/x/end', { method: 'POST' }],
      ['/api/hosts/web-1/revoke', { method: 'POST' }],
      ['/api/tokens', { method: 'POST', body: { name: 'web-9' } }],
      ['/api/api-tokens', { method: 'POST', body: { name: 'ci', role: 'admin' } }],
    ];
    for (const [path, options] of changes) {
      const answer = await web.fetch(path, { ...options, headers: viewer });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.json).toMatchObject({ code: 'request.role' });
    }
  });

  test('an approver switches access and does not administer', async () => {
    const on = { method: 'PUT', body: { state: 'on' }, headers: approver };
    expect((await web.fetch('/api/access', on)).status).toBe(200);
    const token = { method: 'POST', body: { name: 'web-9' }, headers: approver };
    expect((await web.fetch('/api/tokens', token)).status).toBe(403);
  });

  test('a cookie does not work for the page of another site, a token needs no such check', async () => {
    for (const headers of [
      { ...admin, origin: 'https://evil.example' },
      { ...admin, origin: 'null' },
      { ...admin, 'sec-fetch-site': 'cross-site' },
      { ...admin, 'sec-fetch-site': 'same-site' },
    ]) {
      const answer = await web.fetch('/api/access', { ...OFF, headers });
      expect([answer.status, answer.json]).toEqual([
        403,
        expect.objectContaining({ code: 'request.cross_site' }),
      ]);
    }
    const form = { ...admin, 'content-type': 'application/x-www-form-urlencoded' };
    const formAnswer = await web.fetch('/api/access', { method: 'PUT', body: 'state=off', headers: form });
    expect(formAnswer.status).toBe(415);
    const own = { ...admin, origin: web.url, 'sec-fetch-site': 'same-origin' };
    const on = { method: 'PUT', body: { state: 'on' } };
    expect((await web.fetch('/api/access', { ...on, headers: own })).status).toBe(200);
    const { secret } = await web.admins.createToken('system', 'robot', 'admin');
    const bearer = { authorization: `Bearer ${secret}`, origin: 'https://evil.example' };
    expect((await web.fetch('/api/access', { ...on, headers: bearer })).json).toMatchObject({
      by: 'token:robot',
    });
  });

  test('an API token is made, listed without its secret, used and revoked', async () => {
    const body = { name: 'monitoring', role: 'viewer' };
    const made = await web.fetch('/api/api-tokens', { method: 'POST', headers: admin, body });
    const { token } = made.json as { token: string };
    const list = await web.fetch('/api/api-tokens', { headers: admin });
    expect(list.text).toContain('monitoring');
    expect(list.text).not.toContain(token);
    const headers = { authorization: `Bearer ${token}` };
    expect((await web.fetch('/api/status', { headers })).status).toBe(200);
    const revoked = { method: 'DELETE', headers: admin };
    expect((await web.fetch('/api/api-tokens/monitoring', revoked)).status).toBe(200);
    expect((await web.fetch('/api/status', { headers })).status).toBe(401);
  });
});

describe('bad input', () => {
  test('is refused with a sentence and the right status', async () => {
    const put = (body: unknown) => web.fetch('/api/access', { method: 'PUT', body, headers: admin });
    expect(await put('{"state":')).toMatchObject({ status: 400, json: { code: 'request.malformed' } });
    expect(await put({ state: 'ajar' })).toMatchObject({ status: 400, json: { code: 'request.invalid' } });
    expect(await put({ state: 'on', for: 'soon' })).toMatchObject({
      status: 400,
      json: { code: 'usage.duration' },
    });
    expect(await put({ state: 'off', for: '2h' })).toMatchObject({ status: 400 });
    expect(await put({ state: 'on', 'for ': '2h' })).toMatchObject({ status: 400 });
    expect(await put({ state: 'off', raeson: 'done' })).toMatchObject({ status: 200 });
    expect(await put({ state: 'on', reason: 'x'.repeat(300_000) })).toMatchObject({
      status: 413,
      json: { code: 'request.too_large' },
    });
    const get = (path: string) => web.fetch(path, { headers: admin });
    expect(await get('/api/sessions?limit=9999')).toMatchObject({ status: 400 });
    expect(await get('/api/sessions?before=yesterday')).toMatchObject({ status: 400 });
    expect(await get('/api/audit?after=-1')).toMatchObject({ status: 400 });
    expect(await get('/api/nothing')).toMatchObject({ status: 404, json: { code: 'request.not_found' } });
    expect(await get('/api/sessions/%E0%A4%A')).toMatchObject({ status: 400 });
    expect(await get('/../../etc/passwd')).toMatchObject({
      status: 200,
      text: expect.stringContaining('<html'),
    });
    expect(await get('/assets/..%2f..%2fpackage.json')).not.toMatchObject({ status: 200 });
  });

  test('an unforeseen failure tells the caller nothing, and the server goes on', async () => {
    web.service.nextFailure = new Error('SELECT * FROM secrets failed at /var/lib');
    const answer = await web.fetch('/api/status', { headers: admin });
    expect(answer).toMatchObject({ status: 500, json: { code: 'internal' } });
    expect(answer.text).not.toContain('secrets');
    expect((await web.fetch('/api/status', { headers: admin })).status).toBe(200);
  });

  test('garbage on the port closes that connection only', async () => {
    const port = Number(new URL(web.url).port);
    const socket = connectTls({ host: '127.0.0.1', port, ca: web.ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    socket.write('\x00\x01\x02 not http\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect((await web.fetch('/healthz')).status).toBe(200);
  });

  test('an upgrade to anything but a tunnel is refused', async () => {
    const port = Number(new URL(web.url).port);
    const socket = connectTls({ host: '127.0.0.1', port, ca: web.ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    socket.write('GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 404/);
    socket.destroy();
  });

  test('a refused upgrade keeps no connection, even of a client that never hangs up', async () => {
    const port = Number(new URL(web.url).port);
    const plain = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
    const half = { socket: plain, ca: web.ca, servername: 'localhost', allowHalfOpen: true };
    const socket = connectTls(half);
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.write('GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const gone = once(plain, 'close');
    socket.resume();
    // Only a server that has let go of its socket answers further bytes with a reset.
    const speaking = setInterval(() => socket.write('still here'), 50);
    await gone;
    clearInterval(speaking);
  });

  test('a busy port is named in a sentence', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const address = blocker.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const server = createHttpsServer();
    await expect(listen(server, '127.0.0.1', port)).rejects.toMatchObject({
      code: 'listen.in_use',
      message: expect.stringContaining(String(port)),
    });
    blocker.close();
  });
});

describe('headers', () => {
  test('keep the page to itself and off every cache, except for hashed files', async () => {
    const page = await web.fetch('/sessions/abc');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['cache-control']).toBe('no-cache');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe-inline');
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    const asset = /\/?assets\/[\w.-]+\.js/.exec(page.text)?.[0] ?? '';
    const script = await web.fetch(`/${asset.replace(/^\//, '')}`);
    expect(script.headers['cache-control']).toContain('immutable');
    expect((await web.fetch('/api/status', { headers: admin })).headers['cache-control']).toBe('no-store');
    expect((await web.fetch('/api/status')).headers['cache-control']).toBe('no-store');
  });
});

describe('machines', () => {
  test('find the API described, with every pinned path', async () => {
    const { json } = await web.fetch('/api/openapi.json');
    const { paths } = json as { paths: Record<string, object> };
    for (const path of [
      '/api/login',
      '/api/status',
      '/api/access',
      '/api/sessions',
      '/api/sessions/{id}/end',
      '/api/sessions/{id}/recording',
      '/api/sessions/{id}/live',
      '/api/audit',
      '/api/audit/export',
      '/api/hosts',
      '/api/tokens',
      '/api/search',
      '/healthz',
      '/readyz',
      '/metrics',
    ]) {
      expect(Object.keys(paths)).toContain(path);
    }
  });

  test('read metrics', async () => {
    const { text, headers } = await web.fetch('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toMatch(/^drawbridge_access_on [01]$/m);
    expect(text).toContain('drawbridge_http_requests_total');
    const forwarded = await web.fetch('/metrics', { headers: { 'x-forwarded-for': '198.51.100.1' } });
    expect(forwarded.status).toBe(401);
  });

  test('are told when evidence can not be kept', async () => {
    web.service.evidenceProblem = 'The disk is full.';
    const answer = await web.fetch('/readyz');
    web.service.evidenceProblem = undefined;
    expect(answer).toMatchObject({ status: 503, json: { message: 'The disk is full.' } });
  });

  test('enrol', async () => {
    const answer = await web.fetch('/api/enrol', { method: 'POST', body: { proof: 'x' } });
    expect(answer).toMatchObject({ status: 200, json: { echo: '{"proof":"x"}' } });
  });
});
