import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createEgress, type EgressConfig } from '../../../shared/egress/egress.ts';
import { fetchJson } from '../../../shared/egress/fetch-json.ts';
import { startConnectProxy } from '../../support/connect-proxy.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate, type TestCertificate } from '../../support/test-certificate.ts';

let certificate: TestCertificate;

beforeAll(async () => {
  certificate = await createTestCertificate('Corporate Inspection CA');
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function startHttps(answer: RequestListener): Promise<URL> {
  const server = createHttpsServer({ cert: certificate.cert, key: certificate.key }, answer);
  const port = await listen(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return new URL(`https://127.0.0.1:${port}/api`);
}

const answerJson: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  request.on('end', () => response.end(JSON.stringify({ method: request.method, body })));
};

function trusting(config: EgressConfig = {}, env: NodeJS.ProcessEnv = {}) {
  return createEgress(config, { env, extraCa: [certificate.ca] });
}

const TIMEOUT_MS = 20_000;

describe('fetchJson', () => {
  test('asks and gives back status and parsed body', async () => {
    const url = await startHttps(answerJson);
    expect(await fetchJson(trusting(), url, { timeoutMs: TIMEOUT_MS })).toMatchObject({
      status: 200,
      body: { method: 'GET', body: '' },
    });
    expect(await fetchJson(trusting(), url, { timeoutMs: TIMEOUT_MS, body: { a: 1 } })).toEqual({
      dateMs: expect.any(Number),
      status: 200,
      body: { method: 'POST', body: '{"a":1}' },
    });
  });

  test('goes through a proxy with a name and password', async () => {
    const url = await startHttps(answerJson);
    const proxy = await startConnectProxy({ kind: 'relay', credentials: 'user:p@ss' });
    const egress = trusting({ proxy: `http://user:p%40ss@127.0.0.1:${proxy.port}` });
    expect((await fetchJson(egress, url, { timeoutMs: TIMEOUT_MS })).status).toBe(200);
    expect(proxy.targets).toEqual([url.host]);
  });

  test('takes an untrusted certificate only where the caller has pinned a key', async () => {
    const url = await startHttps(answerJson);
    const egress = createEgress({}, { env: {} });
    const { status } = await fetchJson(egress, url, { timeoutMs: TIMEOUT_MS, insecureBecausePinned: true });
    expect(status).toBe(200);
    await expect(fetchJson(egress, url, { timeoutMs: TIMEOUT_MS })).rejects.toMatchObject({
      code: 'egress.tls_untrusted',
    });
  });

  test('trusts the authorities of a bundle with comment lines', async () => {
    const url = await startHttps(answerJson);
    const caBundle = join(temporaryDirectory(), 'bundle.pem');
    writeFileSync(caBundle, `# Corporate Inspection CA\n# valid until later\n${certificate.ca}\n# end\n`);
    const egress = createEgress({ caBundle }, { env: {} });
    expect((await fetchJson(egress, url, { timeoutMs: TIMEOUT_MS })).status).toBe(200);
  });

  test('gives back an error status whose body is no JSON, and refuses a success that is none', async () => {
    const notFound = await startHttps((_, response) => {
      response.statusCode = 404;
      response.end('<h1>no</h1>');
    });
    expect(await fetchJson(trusting(), notFound, { timeoutMs: TIMEOUT_MS })).toMatchObject({
      status: 404,
      body: undefined,
    });
    const page = await startHttps((_, response) => response.end('<h1>sign in</h1>'));
    await expect(fetchJson(trusting(), page, { timeoutMs: TIMEOUT_MS })).rejects.toMatchObject({
      code: 'egress.not_json',
    });
  });

  test('reads an answer up to its limit, and not a byte more', async () => {
    const url = await startHttps((_, response) => response.end(`"${'x'.repeat(98)}"`));
    const options = { timeoutMs: TIMEOUT_MS };
    expect((await fetchJson(trusting(), url, { ...options, limitBytes: 100 })).status).toBe(200);
    await expect(fetchJson(trusting(), url, { ...options, limitBytes: 99 })).rejects.toMatchObject({
      code: 'egress.too_large',
    });
  });

  test('can be given up', async () => {
    const url = await startHttps(() => {});
    const abort = new AbortController();
    const answer = fetchJson(trusting(), url, { timeoutMs: TIMEOUT_MS, signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(answer).rejects.toMatchObject({ code: 'egress.aborted' });
  });
});

describe('each way not to get there has its own plain sentence', () => {
  async function failure(config: EgressConfig, url: URL, timeoutMs = TIMEOUT_MS) {
    return fetchJson(createEgress(config, { env: {} }), url, { timeoutMs }).then(
      () => 'reached',
      (error: unknown) => error,
    );
  }
  const somewhere = new URL('https://127.0.0.1:9/');

  test('a name that does not exist', async () => {
    expect(await failure({}, new URL('https://no-such-host.invalid/'))).toMatchObject({
      code: 'egress.dns',
      message: 'The name no-such-host.invalid is not found in DNS.',
    });
  });

  test('a port at which nobody listens', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure({}, new URL(`https://127.0.0.1:${port}/`))).toMatchObject({
      code: 'egress.refused',
      message: `Nothing listens at 127.0.0.1:${port}.`,
    });
  });

  test('an end that never answers', async () => {
    const server = createTcpServer((socket) => socket.on('error', () => {}));
    const port = await listen(server);
    onTestFinished(() => void server.close());
    expect(await failure({}, new URL(`https://127.0.0.1:${port}/`), 300)).toMatchObject({
      code: 'egress.timeout',
      message: `127.0.0.1:${port} did not answer within 0.3 s (directly).`,
    });
  });

  test('an end that closes in the middle of the handshake', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.destroy());
    });
    const port = await listen(server);
    onTestFinished(() => void server.close());
    expect(await failure({}, new URL(`https://127.0.0.1:${port}/`))).toMatchObject({
      code: 'egress.closed',
      message: `The connection to 127.0.0.1:${port} was closed during the handshake (directly).`,
    });
  });

  test('an end that speaks no TLS', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const port = await listen(server);
    onTestFinished(() => void server.close());
    expect(await failure({}, new URL(`https://127.0.0.1:${port}/`))).toMatchObject({
      code: 'egress.tls_failed',
    });
  });

  test('a certificate that is not trusted, with the name of its issuer', async () => {
    const url = await startHttps(answerJson);
    expect(await failure({}, url)).toMatchObject({
      code: 'egress.tls_untrusted',
      message: expect.stringContaining("signed by 'Corporate Inspection CA'"),
      hint: expect.stringContaining('egress.caBundle'),
    });
  });

  test('the same behind a proxy', async () => {
    const url = await startHttps(answerJson);
    const proxy = await startConnectProxy({ kind: 'relay' });
    expect(await failure({ proxy: `http://127.0.0.1:${proxy.port}` }, url)).toMatchObject({
      code: 'egress.tls_untrusted',
      message: expect.stringContaining("signed by 'Corporate Inspection CA'"),
    });
  });

  test('a certificate for another name', async () => {
    const url = await startHttps(answerJson);
    const egress = trusting();
    const wrong = new URL(`https://127.0.0.2:${url.port}/`);
    const server = createHttpsServer({ cert: certificate.cert, key: certificate.key }, answerJson);
    server.listen(Number(wrong.port), '127.0.0.2');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    await expect(fetchJson(egress, wrong, { timeoutMs: TIMEOUT_MS })).rejects.toMatchObject({
      code: 'egress.tls_name',
    });
  });

  const proxyCases = [
    ['a proxy that wants credentials', { kind: 'relay', credentials: 'a:b' }, 'egress.proxy_auth', '(407)'],
    [
      'a proxy that cannot reach the address',
      { kind: 'answer', status: 502 },
      'egress.proxy_unreachable',
      '(502)',
    ],
    ['a proxy that forbids the address', { kind: 'answer', status: 403 }, 'egress.proxy_refused', '(403)'],
    ['a proxy that closes before it answers', { kind: 'close' }, 'egress.proxy_closed', 'before it answered'],
    [
      'a proxy that closes in the middle of the handshake',
      { kind: 'close_after_connect' },
      'egress.closed',
      'through the proxy',
    ],
    ['a proxy that hangs', { kind: 'hang' }, 'egress.proxy_timeout', 'does not answer'],
  ] as const;
  test.each(proxyCases)('%s', async (_, behaviour, code, text) => {
    const proxy = await startConnectProxy(behaviour);
    const error = await failure({ proxy: `http://me:secret@127.0.0.1:${proxy.port}` }, somewhere);
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });

  test('a proxy at which nobody listens, and one whose name does not exist', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure({ proxy: `http://127.0.0.1:${port}` }, somewhere)).toMatchObject({
      code: 'egress.proxy_down',
    });
    expect(await failure({ proxy: 'http://no-such-proxy.invalid:3128' }, somewhere)).toMatchObject({
      code: 'egress.proxy_dns',
    });
  });

  test('a proxy setting that is none, at once and without its password', () => {
    for (const proxy of ['socks5://me:secret@h:1', 'http://', 'http://%E0%A4%A:secret@h:1']) {
      expect(() => createEgress({ proxy })).toThrow(/outbound proxy cannot be used/);
      expect(() => createEgress({ proxy })).not.toThrow(/secret/);
    }
  });

  test('a bundle that is missing, empty, or broken, with its path', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'bundle.pem');
    expect(() => createEgress({ caBundle: path })).toThrow(path);
    writeFileSync(path, '# nothing here\n');
    expect(() => createEgress({ caBundle: path })).toThrow('holds no certificate');
    writeFileSync(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    expect(() => createEgress({ caBundle: path })).toThrow('Certificate 1 in');
  });
});
