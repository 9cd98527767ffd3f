import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Check, runChecks } from '../../../cli/doctor/finding.ts';
import { httpsChecks, sshServer } from '../../../cli/doctor/network-checks.ts';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { ProbeServer } from '../../../shared/tunnel/probe.ts';
import { type ProxyBehaviour, startConnectProxy } from '../../support/connect-proxy.ts';
import { createTestCertificate, type TestCertificate } from '../../support/test-certificate.ts';

const servers: (Server | TcpServer)[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

async function listen(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const run = (checks: readonly Check[]) => runChecks(checks, new AbortController().signal, () => undefined);

function look(port: number, idleMs = 0) {
  const url = new URL(`http://127.0.0.1:${port}`);
  return run(httpsChecks(createEgress({}, { env: {} }), url, { idleMs }));
}

const documentOf = (iat: number) =>
  `e30.${Buffer.from(JSON.stringify({ id: 'p-1', name: 'central', iat })).toString('base64url')}.x`;

const role =
  (aheadS: number): RequestListener =>
  (request, response) => {
    response.setHeader('content-type', 'application/json');
    response.setHeader('connection', 'close');
    if (request.url === '/.well-known/drawbridge')
      response.end(JSON.stringify({ document: documentOf(Date.now() / 1000 + aheadS) }));
    else
      response.writeHead(401).end(JSON.stringify({ code: 'dial.unauthenticated', message: 'Who are you?' }));
  };

describe('the checks on the way to a role', () => {
  it('are all well when the role answers as one', async () => {
    const findings = await look(await listen(createServer(role(0))));
    expect(findings.map(({ check, state }) => [check, state])).toEqual([
      ['dns', 'ok'],
      ['tcp', 'ok'],
      ['tls', 'ok'],
      ['tls', 'ok'],
      ['websocket', 'ok'],
    ]);
  });

  it.each([
    [12, 'warn', '12 s ahead of'],
    [-12, 'warn', '12 s behind'],
    [300, 'fail', '300 s ahead of'],
  ])('say so when its clock differs by %i s', async (aheadS, state, text) => {
    const findings = await look(await listen(createServer(role(aheadS))));
    const clock = findings.filter((finding) => finding.check === 'tls')[1];
    expect(clock?.state).toBe(state);
    // A second may pass between the two readings.
    expect(
      clock?.text.replace(/\d+/, (n) =>
        String(Math.abs(Number(n) - Math.abs(aheadS)) <= 1 ? Math.abs(aheadS) : n),
      ),
    ).toContain(text);
  });

  it('tell a web page from a role, and a page in place of the WebSocket', async () => {
    const page: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', connection: 'close' }).end('<h1>Sign in</h1>');
    };
    const findings = await look(await listen(createServer(page)));
    expect(findings.find((finding) => finding.check === 'tls')).toMatchObject({ state: 'fail' });
    const webSocket = findings.find((finding) => finding.check === 'websocket');
    expect(webSocket).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('something else (HTTP 200)'),
    });
    expect(webSocket?.hint).toContain('does not let WebSockets through');
  });

  it('open a WebSocket and see whether it is cut while it is idle', async () => {
    const probes = new ProbeServer(systemClock);
    const server = createServer(role(0));
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      probes.handleUpgrade(request, socket, head);
    });
    const port = await listen(server);
    const seen = async (idleMs: number) =>
      (await look(port, idleMs)).find((finding) => finding.check === 'websocket');
    expect(await seen(0)).toMatchObject({ state: 'ok', text: expect.stringContaining('both ways') });
    expect(await seen(20)).toMatchObject({ state: 'ok', text: expect.stringContaining('of silence') });
    const cutting = setInterval(() => probes.close(), 20);
    expect(await seen(60_000)).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('was cut'),
      hint: expect.stringContaining('idle'),
    });
    clearInterval(cutting);
  });

  it('warn when a role can not show whether it stays', async () => {
    const findings = await look(await listen(createServer(role(0))), 60_000);
    expect(findings.find((finding) => finding.check === 'websocket')).toMatchObject({ state: 'warn' });
  });

  it('say what the outbound proxy makes of it: its authentication, its refusal, its absence', async () => {
    const seen = async (behaviour: ProxyBehaviour) => {
      const proxy = await startConnectProxy(behaviour);
      const egress = createEgress({ proxy: `http://127.0.0.1:${proxy.port}` }, { env: {} });
      const findings = await run(httpsChecks(egress, new URL('https://role.example')));
      return findings.find(
        (finding) => ['tcp', 'connect'].includes(finding.check) && finding.state === 'fail',
      );
    };
    expect(await seen({ kind: 'answer', status: 407 })).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('user name and password'),
    });
    expect(await seen({ kind: 'answer', status: 403 })).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('does not allow'),
    });
    expect(await seen({ kind: 'close' })).toMatchObject({ state: 'fail' });
  });

  it('say that a name is not found', async () => {
    const findings = await run(
      httpsChecks(createEgress({}, { env: {} }), new URL('https://nothing.invalid')),
    );
    expect(findings.find((finding) => finding.check === 'dns')).toMatchObject({ state: 'fail' });
  });

  describe('over TLS', () => {
    async function tlsRole(certificate: TestCertificate) {
      const server = createTlsServer({ cert: certificate.cert, key: certificate.key }, role(0));
      server.on('tlsClientError', () => undefined);
      return new URL(`https://localhost:${await listen(server)}`);
    }

    it('name who issued a certificate that is not trusted', async () => {
      const url = await tlsRole(await createTestCertificate('Corp Inspection CA'));
      const findings = await run(httpsChecks(createEgress({}, { env: {} }), url));
      expect(findings.find((finding) => finding.check === 'tls')).toMatchObject({
        state: 'fail',
        text: expect.stringContaining('Corp Inspection CA'),
        hint: expect.stringContaining('egress.caBundle'),
      });
    });

    it('name the box that inspects, when its authority is in the bundle, and the issuer otherwise', async () => {
      const certificate = await createTestCertificate('Corp Inspection CA');
      const url = await tlsRole(certificate);
      const egress = createEgress({}, { env: {}, extraCa: [certificate.ca] });
      const issuer = async (inspectors: readonly string[]) =>
        (await run(httpsChecks(egress, url, { inspectors }))).find((finding) => finding.check === 'issuer');
      expect(await issuer([])).toMatchObject({
        state: 'ok',
        text: expect.stringContaining('Corp Inspection CA'),
      });
      expect(await issuer([certificate.ca])).toMatchObject({
        state: 'warn',
        text: expect.stringContaining(
          "opened on the way: its certificate was issued by 'Corp Inspection CA'",
        ),
      });
    });
  });

  it('say that nothing listens', async () => {
    const port = await listen(createTcpServer());
    const server = servers.pop();
    server?.close();
    if (server !== undefined) await once(server, 'close');
    const findings = await look(port);
    expect(findings.find((finding) => finding.check === 'tcp')).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('Nothing listens'),
    });
  });
});

describe('the check of an SSH server', () => {
  const see = (port: number) =>
    runChecks([sshServer('The sshd', '127.0.0.1', port)], new AbortController().signal, () => undefined);

  it('takes one that greets, and nothing else', async () => {
    const ssh = await listen(createTcpServer((socket) => socket.end('SSH-2.0-test\r\n')));
    const other = await listen(createTcpServer((socket) => socket.end('220 mail ready\r\n')));
    expect(await see(ssh)).toMatchObject([{ state: 'ok' }]);
    expect(await see(other)).toMatchObject([
      { state: 'fail', text: expect.stringContaining('no SSH server') },
    ]);
  });
});
