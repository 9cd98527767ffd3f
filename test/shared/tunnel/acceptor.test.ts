import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { signDialProof, signDialToken } from '../../../shared/identity/dial-token.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { TunnelAcceptor } from '../../../shared/tunnel/acceptor.ts';
import { dialTransport } from '../../../shared/tunnel/dial.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  MAX_PENDING_DIALS_PER_ADDRESS,
  TUNNEL_SUBPROTOCOL,
} from '../../../shared/tunnel/limits.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

let proxy: NodeIdentity;
let bastion: NodeIdentity;
let impostor: NodeIdentity;

beforeAll(async () => {
  const directory = createTemporaryDirectory();
  proxy = await createNodeIdentity(`${directory.path}/p`, 'proxy', 'vendor');
  bastion = await createNodeIdentity(`${directory.path}/b`, 'bastion', 'acme');
  impostor = await createNodeIdentity(`${directory.path}/i`, 'proxy', 'vendor');
  return directory.remove;
});

interface Refused {
  readonly reason: string;
  readonly id?: string;
}

/** An acceptor of the proxy's behind plain HTTP; `hold` keeps dials in their check until it resolves. */
async function accept(options: { hold?: Promise<void>; clock?: FakeClock; failTunnel?: boolean } = {}) {
  const refused: Refused[] = [];
  const checks = { begun: 0 };
  const acceptor = new TunnelAcceptor({
    identity: proxy,
    findPeer: async (id) => {
      checks.begun += 1;
      await options.hold;
      return id === bastion.id ? { id, name: 'acme', publicJwk: bastion.publicJwk } : undefined;
    },
    onTunnel: () => {
      if (options.failTunnel === true) throw new Error('the audit log is full');
    },
    onStream: (incoming) => void incoming.accept(),
    onRefused: (event) => refused.push(event),
    clock: options.clock ?? systemClock,
    log: silentLogger(),
  });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  onTestFinished(async () => {
    await acceptor.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { acceptor, refused, sockets, checks, port: (server.address() as AddressInfo).port };
}

/** Dials with these headers; resolves with the socket, or the status and body of the refusal. */
function dialWith(port: number, authorization: string | undefined, protocols = [TUNNEL_SUBPROTOCOL]) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/tunnel`, protocols, {
    headers: authorization === undefined ? {} : { authorization },
  });
  onTestFinished(() => ws.terminate());
  return new Promise<{ ws: WebSocket; status: number; body: string }>((resolve, reject) => {
    ws.once('open', () => resolve({ ws, status: 101, body: '' }));
    ws.once('error', reject);
    ws.once('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ ws, status: response.statusCode ?? 0, body }));
    });
  });
}

async function goodToken(): Promise<string> {
  return `Bearer ${(await signDialToken(bastion, proxy.id, systemClock)).token}`;
}

describe('an acceptor', () => {
  test('takes a dial token once', async () => {
    const { acceptor, refused, port } = await accept();
    const token = await goodToken();
    expect((await dialWith(port, token)).status).toBe(101);
    await waitFor(() => acceptor.tunnels.size === 1);
    const again = await dialWith(port, token);
    expect(again.status).toBe(401);
    expect(refused).toMatchObject([{ reason: 'replayed', id: bastion.id }]);
  });

  test('gives one answer for every token that it does not believe, and the reason to its owner', async () => {
    const { refused, port } = await accept();
    const old = new FakeClock(Date.now() - 3_600_000);
    const tokens = [
      undefined,
      'Basic abc',
      'Bearer not.a.token',
      `Bearer ${(await signDialToken(impostor, proxy.id, systemClock)).token}`,
      `Bearer ${(await signDialToken(bastion, impostor.id, systemClock)).token}`,
      `Bearer ${(await signDialToken(bastion, proxy.id, old)).token}`,
      `Bearer ${'x'.repeat(9_000)}`,
    ];
    const answers = new Set<string>();
    for (const token of tokens) {
      const { status, body } = await dialWith(port, token);
      answers.add(`${status} ${body}`);
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toMatch(/^401 .*identity\.refused/);
    expect(refused.map((event) => event.reason)).toEqual([
      'identity.refused',
      'identity.refused',
      'malformed',
      'unknown_issuer',
      'wrong_audience',
      'expired',
      'identity.refused',
    ]);
  });

  test('needs the subprotocol', async () => {
    const { port } = await accept();
    const { status, body } = await dialWith(port, await goodToken(), ['chat']);
    expect(status).toBe(400);
    expect(body).toContain(TUNNEL_SUBPROTOCOL);
  });

  test('checks so many dials of one address at once, and says to come back to the next', async () => {
    let letGo: () => void = () => {};
    const hold = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { acceptor, refused, checks, port } = await accept({ hold });
    const waiting = await Promise.all(
      Array.from({ length: MAX_PENDING_DIALS_PER_ADDRESS }, async () =>
        dialWith(port, await goodToken()),
      ).map((dial) => ({ dial })),
    );
    await waitFor(() => checks.begun === MAX_PENDING_DIALS_PER_ADDRESS);
    const late = await waitFor(async () => {
      const answer = await dialWith(port, await goodToken());
      return answer.status === 503 ? answer : undefined;
    });
    expect(late.body).toContain('tunnel.busy');
    expect(refused.at(-1)?.reason).toBe('too_many_dials');
    letGo();
    for (const { dial } of waiting) expect((await dial).status).toBe(101);
    await waitFor(() => acceptor.tunnels.size === MAX_PENDING_DIALS_PER_ADDRESS);
  });

  test('drops a dial that takes too long to check', async () => {
    const clock = new FakeClock(Date.now());
    const { sockets, port } = await accept({ hold: new Promise(() => {}), clock });
    const dial = dialWith(port, await goodToken()).catch(() => 'dropped');
    await waitFor(() => sockets.size === 1 && clock.pendingTimers === 1);
    clock.advance(HANDSHAKE_TIMEOUT_MS);
    expect(await dial).toBe('dropped');
  });

  test('outlives dials that go away in the middle', async () => {
    let letGo: () => void = () => {};
    const hold = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { acceptor, sockets, port } = await accept({ hold });
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'GET /tunnel HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        `sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n` +
        `sec-websocket-protocol: ${TUNNEL_SUBPROTOCOL}\r\nauthorization: ${await goodToken()}\r\n\r\n`,
    );
    await waitFor(() => sockets.size === 1);
    socket.resetAndDestroy();
    letGo();
    await waitFor(() => sockets.size === 0);
    expect((await dialWith(port, await goodToken())).status).toBe(101);
    await waitFor(() => acceptor.tunnels.size === 1);
  });

  test('closes a tunnel that its owner could not take up', async () => {
    const { acceptor, port } = await accept({ failTunnel: true });
    const { ws } = await dialWith(port, await goodToken());
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
    expect(code).toBe(1000);
    expect(reason.toString()).toContain('tunnel.failed');
    expect(acceptor.tunnels.size).toBe(0);
  });

  test('closes the tunnel of a peer that sends text, garbage, or too large a message', async () => {
    const { acceptor, port } = await accept();
    const offences: [string | Buffer, number][] = [
      ['hello', 1003],
      [Buffer.from('not yamux at all'), 1002],
      [Buffer.alloc(MAX_MESSAGE_BYTES + 1), 1009],
    ];
    for (const [message, expected] of offences) {
      const { ws } = await dialWith(port, await goodToken());
      await waitFor(() => acceptor.tunnels.size === 1);
      ws.send(message);
      const [code] = (await once(ws, 'close')) as [number];
      expect(code).toBe(expected);
      await waitFor(() => acceptor.tunnels.size === 0);
    }
  });

  test('closes its tunnels when it is closed, and takes no more', async () => {
    const { acceptor, port } = await accept();
    const { ws } = await dialWith(port, await goodToken());
    await waitFor(() => acceptor.tunnels.size === 1);
    const closed = once(ws, 'close');
    await acceptor.close();
    await closed;
    expect((await dialWith(port, await goodToken())).status).toBe(503);
  });
});

describe('a dialler', () => {
  /** Answers every upgrade, with whatever proof it likes. */
  async function dialImpostor(proofFor: (token: string) => Promise<string | undefined>, early = 0) {
    const server = createServer();
    const webSockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      const token = (request.headers.authorization ?? '').replace('Bearer ', '');
      void proofFor(token).then((proof) => {
        webSockets.once('headers', (headers: string[]) => {
          if (proof !== undefined) headers.push(`drawbridge-proof: ${proof}`);
        });
        webSockets.handleUpgrade(request, socket, head, (ws) => {
          ws.on('error', () => {});
          for (let i = 0; i < early; i += 1) ws.send(Buffer.alloc(1024));
        });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return dialTransport({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      identity: bastion,
      peer: { id: proxy.id, publicJwk: proxy.publicJwk },
      egress: createEgress({}, { env: {} }),
      clock: systemClock,
      signal: new AbortController().signal,
    });
  }

  const jtiOf = (token: string): string => {
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      jti: string;
    };
    return payload.jti;
  };

  test('gives up an end that does not prove who it is', async () => {
    await expect(dialImpostor(async () => undefined)).rejects.toMatchObject({ code: 'identity.refused' });
  });

  test('gives up an end with another key, and one that repeats an old proof', async () => {
    await expect(
      dialImpostor((token) =>
        signDialProof({ ...impostor, id: proxy.id }, bastion.id, jtiOf(token), systemClock),
      ),
    ).rejects.toMatchObject({ code: 'identity.refused' });
    await expect(
      dialImpostor(() => signDialProof(proxy, bastion.id, 'another-dial', systemClock)),
    ).rejects.toMatchObject({ code: 'identity.refused' });
  });

  test('takes the pinned end, which shows that the two tests before can fail', async () => {
    const transport = await dialImpostor((token) =>
      signDialProof(proxy, bastion.id, jtiOf(token), systemClock),
    );
    transport.close({ code: 'test.closed', message: 'The test is over.' }, false);
    await transport.closed;
  });
});
