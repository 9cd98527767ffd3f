import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { httpsChecks, sshServer } from '../../../cli/doctor/network-checks.ts';
import { createEgress } from '../../../shared/egress/egress.ts';

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

function look(port: number) {
  const url = new URL(`http://127.0.0.1:${port}`);
  const checks = httpsChecks(createEgress({}, { env: {} }), url, '/tunnel');
  return runChecks(checks, new AbortController().signal, () => undefined);
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
