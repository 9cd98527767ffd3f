import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { signOperatorToken } from '../../../shared/identity/operator-token.ts';
import { fingerprintOf, parsePublicLine, publicLineOf } from '../../../shared/ssh/keys.ts';
import { rawWebSocketStream } from '../../../shared/tunnel/raw-websocket.ts';
import { echo } from '../../support/proxy-front-door.ts';
import { startTestProxy, type TestProxy, type TestUser } from '../../support/running-proxy.ts';
import { createTestKey, type TestKey } from '../../support/ssh-client.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Logs in with a key whose private half can sign tokens. */
async function loggedIn(proxy: TestProxy, user: TestUser) {
  const { publicKey, privateKey } = freshEd25519();
  const publicLine = publicLineOf(publicKey, 'test');
  const { fingerprint } = parsePublicLine(publicLine);
  const answer = await proxy.call('POST', '/api/login', {
    username: user.username,
    password: user.password,
    code: user.freshCode(),
    publicKey: publicLine,
  });
  const token = (audience = proxy.identity.id): Promise<string> =>
    signOperatorToken({ privateKey, fingerprint }, audience, proxy.clock);
  const bearer = async (): Promise<Record<string, string>> => ({ authorization: `Bearer ${await token()}` });
  return { answer, fingerprint, token, bearer };
}

/** Opens `/connect`; resolves with the socket, or with the status and body of the refusal. */
async function connectHost(proxy: TestProxy, host: string, headers: Record<string, string>) {
  const socket = new WebSocket(
    `wss://127.0.0.1:${proxy.httpsPort}/connect?host=${encodeURIComponent(host)}`,
    {
      ca: proxy.ca,
      headers,
      perMessageDeflate: false,
    },
  );
  onTestFinished(() => socket.terminate());
  socket.on('error', () => undefined);
  return new Promise<{ socket: WebSocket } | { status: number; body: Record<string, unknown> }>((resolve) => {
    socket.once('open', () => resolve({ socket }));
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
  });
}

/** A TLS connection to the proxy that speaks whatever the test says. */
async function rawTls(proxy: TestProxy): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: proxy.httpsPort, ca: proxy.ca });
  onTestFinished(() => {
    socket.destroy();
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

async function everything(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

describe('POST /api/login', () => {
  it('answers with all that the operator needs', async () => {
    const proxy = await startTestProxy();
    const user = await proxy.addUser('alice', ['support', 'dba']);
    const { answer, fingerprint } = await loggedIn(proxy, user);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        operator: { username: 'alice', groups: ['support', 'dba'] },
        key: { fingerprint },
        proxy: { id: proxy.identity.id, url: proxy.url, ssh: { host: '127.0.0.1', port: proxy.sshPort } },
        bastions: [],
      },
    });
    const expiresAt = Date.parse((answer.body['key'] as { expiresAt: string }).expiresAt);
    expect(expiresAt - proxy.clock.nowMs()).toBeGreaterThan(8 * 3_600_000 - 5_000);
    expect((answer.body['proxy'] as { ssh: { hostKey: string } }).ssh.hostKey).toMatch(/^ssh-ed25519 AAAA/);
  });

  it('answers 401 with the same body whatever was wrong', async () => {
    const proxy = await startTestProxy();
    const user = await proxy.addUser('alice');
    const { publicLine } = await createTestKey(proxy.dir);
    const right = {
      username: 'alice',
      password: user.password,
      code: user.freshCode(),
      publicKey: publicLine,
    };
    const gone = await proxy.addUser('bob');
    await proxy.control.call('user.disable', { username: 'bob' });
    const disabled = { username: 'bob', password: gone.password, code: gone.freshCode() };
    const answers = await Promise.all(
      [{ password: 'wrong' }, { code: '000000' }, { username: 'nobody' }, disabled].map((wrong) =>
        proxy.call('POST', '/api/login', { ...right, ...wrong }),
      ),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'login.refused' } });
  });

  it('lets one of two in who come with one code at the same time', async () => {
    const proxy = await startTestProxy();
    const user = await proxy.addUser('alice');
    const code = user.freshCode();
    const keys: TestKey[] = [await createTestKey(proxy.dir, 'one'), await createTestKey(proxy.dir, 'two')];
    const answers = await Promise.all(
      keys.map(({ publicLine }) =>
        proxy.call('POST', '/api/login', {
          username: 'alice',
          password: user.password,
          code,
          publicKey: publicLine,
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  it('slows down who keeps guessing', async () => {
    const proxy = await startTestProxy();
    const { publicLine } = await createTestKey(proxy.dir);
    const guess = { username: 'alice', password: 'wrong', code: '000000', publicKey: publicLine };
    const statuses: number[] = [];
    for (let round = 0; round < 7; round++)
      statuses.push((await proxy.call('POST', '/api/login', guess)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
  });
});

describe('a request that is not as it should be', () => {
  it.each([
    ['POST', '/api/login', '{', 400, 'request.invalid'],
    ['POST', '/api/login', '[]', 400, 'request.invalid'],
    ['POST', '/api/login', '{"username":1}', 400, 'request.invalid'],
    ['POST', '/api/login', '{"__proto__":{"a":1}}', 400, 'request.invalid'],
    ['POST', '/api/login', `{"a":"${'x'.repeat(200_000)}"}`, 413, 'request.too_large'],
    ['POST', '/api/enrol', '{"proof":"x"}', 403, 'enrolment.refused'],
    ['POST', '/api/enrol', '{}', 400, 'request.invalid'],
    ['GET', '/nothing', undefined, 404, 'request.not_found'],
    ['GET', '/%', undefined, 400, 'request.invalid'],
    ['DELETE', '/api/login', undefined, 404, 'request.not_found'],
    ['GET', '/api/operator', undefined, 401, 'operator.unauthenticated'],
    ['GET', '/api/operator/hosts', undefined, 401, 'operator.unauthenticated'],
    ['POST', '/api/logout', undefined, 401, 'operator.unauthenticated'],
  ])('%s %s %#: gets a clear answer', async (method, path, body, status, code) => {
    const proxy = await startTestProxy();
    const answer = await proxy.call(method, path, body);
    expect(answer).toMatchObject({ status, body: { code, message: expect.any(String) } });
  });

  it('in another format than JSON is answered with 415', async () => {
    const proxy = await startTestProxy();
    const answer = await proxy.call('POST', '/api/login', 'a=b', { 'content-type': 'text/plain' });
    expect(answer).toMatchObject({ status: 415, body: { code: 'request.unsupported' } });
  });

  it('lets go of a client that never sets TLS up', async () => {
    const proxy = await startTestProxy();
    const silent = connectTcp({ host: '127.0.0.1', port: proxy.httpsPort });
    onTestFinished(() => {
      silent.destroy();
    });
    silent.on('error', () => undefined).resume();
    await once(silent, 'close');
  }, 20_000);

  it('is answered also when it is no HTTP, and the next one is served', async () => {
    const proxy = await startTestProxy();
    for (const garbage of [
      '\u0000\u0001\u0002 rubbish\r\n\r\n',
      `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`,
    ]) {
      const socket = await rawTls(proxy);
      const answer = everything(socket);
      socket.write(garbage);
      expect(await answer).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(await proxy.call('GET', '/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('is no TLS: the connection ends, and the next one is served', async () => {
    const proxy = await startTestProxy();
    const { connect: plain } = await import('node:net');
    const socket = plain(proxy.httpsPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('SSH-2.0-OpenSSH_9.2\r\n');
    socket.resume();
    await once(socket, 'close');
    expect((await proxy.call('GET', '/readyz')).status).toBe(200);
  });
});

describe('an operator token', () => {
  it('tells who one is, once', async () => {
    const proxy = await startTestProxy();
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const authorization = `Bearer ${await operator.token()}`;
    const first = await proxy.call('GET', '/api/operator', undefined, { authorization });
    expect(first).toMatchObject({
      status: 200,
      body: { operator: { username: 'alice' }, amr: ['pwd', 'otp', 'mfa'] },
    });
    const replayed = await proxy.call('GET', '/api/operator', undefined, { authorization });
    expect(replayed).toMatchObject({ status: 401, body: { code: 'operator.unauthenticated' } });
    await proxy.auditHas('operator.refused', { reason: 'token_replayed' });
  });

  it('for another proxy, or of a key that never logged in, is refused', async () => {
    const proxy = await startTestProxy();
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const { privateKey, publicKey } = freshEd25519();
    const fingerprint = fingerprintOf(parsePublicLine(publicLineOf(publicKey)).blob);
    const strangers = await signOperatorToken({ privateKey, fingerprint }, proxy.identity.id, proxy.clock);
    const stolenName = await signOperatorToken(
      { privateKey, fingerprint: operator.fingerprint },
      proxy.identity.id,
      proxy.clock,
    );
    for (const token of [await operator.token('p-another'), strangers, stolenName, 'x.y.z']) {
      const answer = await proxy.call('GET', '/api/operator', undefined, {
        authorization: `Bearer ${token}`,
      });
      expect(answer).toMatchObject({ status: 401, body: { code: 'operator.unauthenticated' } });
    }
  });

  it('tells nobody but the holder of the key that its login has ended', async () => {
    const proxy = await startTestProxy();
    const { fingerprint, bearer } = await loggedIn(proxy, await proxy.addUser('alice'));
    expect((await proxy.call('POST', '/api/logout', undefined, await bearer())).status).toBe(200);
    const { privateKey } = freshEd25519();
    const token = await signOperatorToken({ privateKey, fingerprint }, proxy.identity.id, proxy.clock);
    const headers = { authorization: `Bearer ${token}` };
    expect(await proxy.call('GET', '/api/operator', undefined, headers)).toMatchObject({
      status: 401,
      body: { code: 'operator.unauthenticated' },
    });
    await proxy.auditHas('operator.refused', { reason: 'token_bad_signature' });
  });

  it('opens nothing after logout or expiry, and says so', async () => {
    const proxy = await startTestProxy();
    const user = await proxy.addUser('alice');
    const operator = await loggedIn(proxy, user);
    expect((await proxy.call('POST', '/api/logout', undefined, await operator.bearer())).status).toBe(200);
    const ended = { status: 401, body: { code: 'operator.login_ended', message: 'Your login has ended.' } };
    expect(await proxy.call('GET', '/api/operator', undefined, await operator.bearer())).toMatchObject(ended);
    const second = await loggedIn(proxy, user);
    proxy.clock.advance(8 * 3_600_000);
    expect(await proxy.call('GET', '/api/operator', undefined, await second.bearer())).toMatchObject(ended);
  });
});

describe('GET /api/operator/hosts', () => {
  it('lists what every connected bastion says, and why another one says nothing', async () => {
    const proxy = await startTestProxy();
    await proxy.joinBastion('acme', (incoming) => {
      incoming
        .accept({
          hosts: [
            {
              name: 'web-1',
              online: true,
              labels: { env: 'prod' },
              logins: ['alice', 'deploy'],
              needsApproval: true,
            },
            { name: 'web-2', online: true, problem: `From ${incoming.request['source']}\u001b[2J` },
          ],
          more: 3,
        })
        .end();
    });
    await proxy.joinBastion('mute', () => undefined);
    await proxy.joinBastion('wild', (incoming) => {
      incoming.accept({ hosts: 'many' }).end();
    });
    const { uplink } = await proxy.joinBastion('gone', echo);
    await uplink.stop('test', 'The bastion leaves.');
    await proxy.auditHas('tunnel.disconnected', { bastion: 'gone' });
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const startMs = performance.now();
    const { status, body } = await proxy.call(
      'GET',
      '/api/operator/hosts',
      undefined,
      await operator.bearer(),
    );
    expect(performance.now() - startMs).toBeLessThan(20_000);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      hosts: [
        {
          ...{ name: 'web-1', bastion: 'acme', address: 'web-1.acme', online: true, labels: { env: 'prod' } },
          ...{ logins: ['alice', 'deploy'], needsApproval: true },
        },
        { name: 'web-2', problem: expect.stringMatching(/^From 127\.0\.0\.1[\x20-\x7e]*$/) },
      ],
      bastions: [
        { name: 'acme', online: true, problem: '3 more of its hosts did not fit into the list.' },
        { name: 'gone', online: false, problem: 'It is not connected.' },
        { name: 'mute', online: true, problem: 'Bastion "mute" did not answer.' },
        { name: 'wild', online: true, problem: 'Its answer could not be read.' },
      ],
    });
  });
});

describe('/connect', () => {
  it('carries bytes to the bastion and back', async () => {
    const proxy = await startTestProxy();
    await proxy.joinBastion('acme', echo);
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const opened = await connectHost(proxy, 'web-1.acme', await operator.bearer());
    if (!('socket' in opened)) throw new Error(JSON.stringify(opened));
    const stream = rawWebSocketStream(opened.socket);
    stream.write('SSH-2.0-test\r\n');
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('SSH-2.0-test\r\n');
    await proxy.auditHas('operator.admitted', { operator: 'alice', host: 'web-1', bastion: 'acme' });
    expect(await proxy.control.call('status')).toMatchObject({ connections: 1, tunnels: 1 });
    stream.destroy();
    await waitFor(
      async () => ((await proxy.control.call('status')) as { connections: number }).connections === 0,
    );
  });

  it('is cut with a sentence when the account is disabled', async () => {
    const proxy = await startTestProxy();
    await proxy.joinBastion('acme', echo);
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const opened = await connectHost(proxy, 'web-1.acme', await operator.bearer());
    if (!('socket' in opened)) throw new Error(JSON.stringify(opened));
    const stream = rawWebSocketStream(opened.socket);
    stream.resume();
    stream.write('x');
    await once(stream, 'data');
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await proxy.control.call('user.disable', { username: 'alice' });
    await closed;
    expect(stream.errored).toMatchObject({
      code: 'websocket.cut',
      message: 'Your account has been disabled.',
    });
  });

  it('is refused before the upgrade, with a status and a sentence', async () => {
    const proxy = await startTestProxy();
    await proxy.joinBastion('acme', (incoming) => incoming.refuse('gate.off', 'Remote access is off.'));
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const refusals = [
      ['web-1.acme', await operator.bearer(), 403, 'gate.off'],
      ['web-1.nowhere', await operator.bearer(), 404, 'bastion.unknown'],
      ['nonsense', await operator.bearer(), 400, 'destination.invalid'],
      ['web-1.acme', {}, 401, 'operator.unauthenticated'],
    ] as const;
    for (const [host, headers, status, code] of refusals) {
      expect(await connectHost(proxy, host, { ...headers })).toMatchObject({ status, body: { code } });
    }
  });

  it('gives the stream to the bastion back when the operator leaves while the bastion thinks', async () => {
    const proxy = await startTestProxy();
    const aborted: string[] = [];
    await proxy.joinBastion('acme', (incoming) => {
      incoming.signal.addEventListener('abort', () => aborted.push('gone'));
    });
    const operator = await loggedIn(proxy, await proxy.addUser('alice'));
    const socket = await rawTls(proxy);
    const { authorization } = await operator.bearer();
    socket.write(
      `GET /connect?host=web-1.acme HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: ${authorization}\r\n\r\n`,
    );
    await proxy.auditHas('operator.admitted', { host: 'web-1' });
    socket.destroy();
    await waitFor(() => aborted.length === 1);
  });

  it.each([
    ['/elsewhere', 'websocket', 404],
    ['/connect?host=a.b', 'h2c', 426],
  ])('an upgrade of %s to %s is answered with %i', async (path, protocol, status) => {
    const proxy = await startTestProxy();
    const socket = await rawTls(proxy);
    const answer = everything(socket);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    expect(await answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});
