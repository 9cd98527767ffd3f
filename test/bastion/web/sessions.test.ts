import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../../support/bastion-web.ts';
import { openEventStream } from '../../support/event-stream.ts';
import { waitFor } from '../../support/wait-for.ts';

let web: BastionWeb;
let headers: Record<string, string>;
beforeAll(async () => {
  web = await startBastionWeb();
  headers = await web.signIn('admin');
});
afterAll(() => web.close());

const get = (path: string) => web.fetch(path, { headers });
const idsOf = (json: unknown) => (json as { sessions: { id: string }[] }).sessions.map(({ id }) => id);

describe('the switch', () => {
  test('turns on for a time and says until when', async () => {
    const body = { state: 'on', for: '2h', reason: 'Upgrade' };
    const { json } = await web.fetch('/api/access', { method: 'PUT', body, headers });
    const access = json as { state: string; until: string; reason: string };
    expect(access).toMatchObject({ state: 'on', reason: 'Upgrade' });
    expect(Date.parse(access.until) - Date.now()).toBeGreaterThan(7_190_000);
    expect((await get('/api/status')).json).toMatchObject({ access: { state: 'on', until: access.until } });
  });

  test('turned off, ends what is live', async () => {
    const { id } = await web.service.addSession({ state: 'live' });
    await web.fetch('/api/access', { method: 'PUT', body: { state: 'off' }, headers });
    expect((await get(`/api/sessions/${id}`)).json).toMatchObject({ state: 'ended' });
  });
});

describe('sessions', () => {
  test('are listed newest first, by state and page by page, without paths of the machine', async () => {
    const old = await web.service.addSession({ startedAt: '2026-01-01T10:00:00.000Z', operator: 'bob' });
    const older = await web.service.addSession({ startedAt: '2026-01-01T09:00:00.000Z', operator: 'bob' });
    const live = await web.service.addSession({ state: 'live' });
    expect(idsOf((await get('/api/sessions?live=true')).json)).toEqual([live.id]);
    expect(idsOf((await get('/api/sessions?live=false')).json)).not.toContain(live.id);
    expect(idsOf((await get('/api/sessions?operator=bob')).json)).toEqual([old.id, older.id]);
    const before = encodeURIComponent(old.startedAt);
    expect(idsOf((await get(`/api/sessions?before=${before}`)).json)).toEqual([older.id]);
    expect((await get('/api/sessions')).text).not.toContain('.cast');
  });

  test('that do not exist are said not to', async () => {
    expect(await get('/api/sessions/nope')).toMatchObject({
      status: 404,
      json: { code: 'session.not_found' },
    });
    expect(await get('/api/sessions/nope/recording')).toMatchObject({ status: 404 });
    expect(await get('/api/sessions/nope/live')).toMatchObject({ status: 404 });
  });

  test('are ended with a message, and only once', async () => {
    const { id } = await web.service.addSession({ state: 'live' });
    const end = () =>
      web.fetch(`/api/sessions/${id}/end`, { method: 'POST', body: { message: 'Please stop' }, headers });
    expect((await end()).status).toBe(200);
    expect((await get(`/api/sessions/${id}`)).json).toMatchObject({ endReason: 'Please stop' });
    expect(await end()).toMatchObject({ status: 409, json: { code: 'session.not_live' } });
  });

  test('are ended without a body too', async () => {
    const { id } = await web.service.addSession({ state: 'live' });
    expect((await web.fetch(`/api/sessions/${id}/end`, { method: 'POST', headers })).status).toBe(200);
  });

  test('give their recording as an asciicast file, and that is audited', async () => {
    const { id } = await web.service.addSession({ cast: [[0.1, 'o', 'hällo ✓\r\n']] });
    const answer = await get(`/api/sessions/${id}/recording`);
    expect(answer.headers['content-type']).toBe('application/x-asciicast');
    expect(answer.text.split('\n')[0]).toContain('"version":2');
    expect(answer.text).toContain('hällo ✓');
    expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
    const entered = () => web.service.events.at(-1);
    expect(entered()).toMatchObject({ type: 'recording.viewed', session: id, how: 'replay' });
    await get(`/api/sessions/${id}/recording?for=verify`);
    expect(entered()).toMatchObject({ type: 'recording.viewed', session: id, how: 'verify' });
    expect((await get(`/api/sessions/${id}/recording?for=nothing`)).status).toBe(400);
    expect((await get(`/api/sessions/${id}/recording?channel=7`)).status).toBe(404);
  });

  test('are found by words of who, where and what', async () => {
    const { id } = await web.service.addSession({
      operator: 'zoe',
      kind: 'exec',
      command: 'systemctl restart nginx',
    });
    const found = async (q: string) =>
      (
        (await get(`/api/search?q=${encodeURIComponent(q)}`)).json as {
          results: { session: { id: string }; matches: { field: string; text: string }[] }[];
        }
      ).results;
    expect((await found('nginx ZOE')).map(({ session }) => session.id)).toEqual([id]);
    expect((await found('nginx'))[0]?.matches).toEqual([
      { field: 'command', text: 'systemctl restart nginx' },
    ]);
    expect(await found('nginx bob')).toEqual([]);
  });
});

describe('a live session', () => {
  test('streams its recording and says when it is over', async () => {
    const { id } = await web.service.addSession({ state: 'live' });
    const stream = await openEventStream(`${web.url}/api/sessions/${id}/live`, web.ca, headers);
    expect(stream).toMatchObject({ status: 200, contentType: 'text/event-stream; charset=utf-8' });
    await stream.waitFor(1);
    web.service.emitLive(id, { kind: 'event', time: 1.5, code: 'o', data: 'line\nbreak' });
    web.service.emitLive(id, { kind: 'end' });
    await stream.ended;
    expect(stream.messages).toEqual([
      ['message', expect.objectContaining({ width: 80, height: 24 })],
      ['message', [1.5, 'o', 'line\nbreak']],
      ['done', {}],
    ]);
  });

  test('is let go of when the viewer leaves', async () => {
    const { id } = await web.service.addSession({ state: 'live' });
    const stream = await openEventStream(`${web.url}/api/sessions/${id}/live`, web.ca, headers);
    await stream.waitFor(1);
    expect(web.service.watcherCount(id)).toBe(1);
    stream.close();
    await waitFor(() => web.service.watcherCount(id) === 0, { what: 'the watcher to go' });
  });
});

describe('a viewer whose sign-in has ended', () => {
  /** A session that never falls silent, so that no pause gives the server a chance to look. */
  async function watchBusySession(viewer: Record<string, string>) {
    const { id } = await web.service.addSession({ state: 'live' });
    const busy = setInterval(
      () => web.service.emitLive(id, { kind: 'event', time: 1, code: 'o', data: 'x' }),
      5,
    );
    onTestFinished(() => clearInterval(busy));
    const stream = await openEventStream(`${web.url}/api/sessions/${id}/live`, web.ca, viewer);
    await stream.waitFor(3);
    return stream;
  }

  test('sees no more of a live session, however busy it is', async () => {
    const viewer = await web.signIn('viewer');
    const stream = await watchBusySession(viewer);
    await web.fetch('/api/logout', { method: 'POST', headers: viewer });
    await stream.ended;
  });

  test('by revoking it from another browser sees no more either', async () => {
    const viewer = await web.signIn('viewer');
    const stream = await watchBusySession(viewer);
    const { json } = await web.fetch('/api/me/sessions', { headers: viewer });
    const [{ id }] = (json as { sessions: [{ id: string }] }).sessions;
    await web.fetch(`/api/me/sessions/${id}`, { method: 'DELETE', headers: viewer });
    await stream.ended;
  });

  test('sees no more when it ended without anybody saying so', async () => {
    const viewer = await web.signIn('viewer');
    const stream = await watchBusySession(viewer);
    await web.admins.sessions.close((viewer['cookie'] ?? '').split('=')[1] ?? '');
    await stream.ended;
  }, 20_000);

  test('with a revoked API token sees no more', async () => {
    await web.admins.createToken('system', 'watcher', 'viewer').then(async ({ secret }) => {
      const stream = await watchBusySession({ authorization: `Bearer ${secret}` });
      await web.fetch('/api/api-tokens/watcher', { method: 'DELETE', headers });
      await stream.ended;
    });
  });
});

describe('the audit log', () => {
  test('is read newest first, or oldest first after a number, by type and page', async () => {
    const events = async (query: string) =>
      ((await get(`/api/audit${query}`)).json as { events: { seq: number; type: string; prev: string }[] })
        .events;
    const newest = await events('?limit=3');
    expect(newest.map(({ seq }) => seq)).toEqual([...newest.map(({ seq }) => seq)].sort((a, b) => b - a));
    const tail = await events('?after=2&limit=2');
    expect(tail.map(({ seq }) => seq)).toEqual([3, 4]);
    expect((await events('?type=admin.signed_in')).every(({ type }) => type === 'admin.signed_in')).toBe(
      true,
    );
    expect((await events('?before=3')).map(({ seq }) => seq)).toEqual([2, 1]);
    expect(tail[0]?.prev).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is read by time, in whatever zone that is given', async () => {
    const { time } = await web.service.append({ type: 'exec.started', actor: 'operator:zoe' });
    const events = async (query: string) => await get(`/api/audit?type=exec.started&${query}`);
    const after = new Date(Date.parse(time) + 1).toISOString();
    const inZone = `${new Date(Date.parse(time) + 2 * 3_600_000).toISOString().slice(0, -1)}%2B02:00`;
    expect((await events(`from=${time}&to=${time}`)).json).toMatchObject({ events: [{ time }] });
    expect((await events(`from=${inZone}&to=${inZone}`)).json).toMatchObject({ events: [{ time }] });
    expect((await events(`from=${after}`)).json).toEqual({ events: [] });
    expect((await events('from=yesterday')).status).toBe(400);
  });

  test('keeps every field of an event', async () => {
    await web.service.append({ type: 'file.written', actor: 'operator:zoe', path: '/etc/passwd', size: 12 });
    const { json } = await get('/api/audit?limit=1');
    expect(json).toMatchObject({ events: [{ path: '/etc/passwd', size: 12 }] });
  });

  test('is exported as JSON lines', async () => {
    const { text, headers: answer } = await get('/api/audit/export');
    expect(answer['content-disposition']).toMatch(/drawbridge-audit-\d{4}-\d\d-\d\d\.jsonl/);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    expect(lines.at(-1)).toMatchObject({ type: 'audit.exported' });
  });

  test('arrives by itself', async () => {
    const stream = await openEventStream(`${web.url}/api/events`, web.ca, headers);
    await web.service.append({ type: 'agent.connected', actor: 'agent:web-1', host: 'web-1' });
    await stream.waitFor(1);
    expect(stream.messages[0]).toEqual(['audit', expect.objectContaining({ type: 'agent.connected' })]);
    stream.close();
  });
});

describe('hosts', () => {
  test('are listed, joined by a token and revoked', async () => {
    web.service.addHost({ name: 'web-1', labels: { env: 'prod' } });
    expect((await get('/api/hosts')).json).toMatchObject({
      hosts: [{ name: 'web-1', labels: { env: 'prod' } }],
    });
    const body = { name: 'db-2', labels: { env: 'prod' } };
    const token = await web.fetch('/api/tokens', { method: 'POST', body, headers });
    expect(token.json).toMatchObject({ name: 'db-2', command: expect.stringContaining('dbj1.') });
    const bad = await web.fetch('/api/tokens', { method: 'POST', body: { name: 'Bad Name' }, headers });
    expect(bad.status).toBe(400);
    const revoke = () => web.fetch('/api/hosts/web-1/revoke', { method: 'POST', headers });
    expect((await revoke()).status).toBe(200);
    expect(await revoke()).toMatchObject({ status: 404, json: { code: 'host.not_found' } });
  });
});
