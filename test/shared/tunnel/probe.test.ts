import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { PROBE_PATH, ProbeServer, probeWebSocket } from '../../../shared/tunnel/probe.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function startRole() {
  const probes = new ProbeServer(systemClock);
  const server = createServer();
  servers.push(server);
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    probes.handleUpgrade(request, socket, head);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { probes, url };
}

const probe = (url: URL, idleMs = 0, signal = new AbortController().signal) =>
  probeWebSocket({ url, egress: createEgress({}, { env: {} }), idleMs, signal });

function dial(url: URL): WebSocket {
  const ws = new WebSocket(new URL(PROBE_PATH, url.href.replace(/^http/, 'ws')));
  ws.on('error', () => undefined);
  return ws;
}

describe('a probe', () => {
  it('passes where a WebSocket opens and carries data, also after some silence', async () => {
    const { url } = await startRole();
    expect(await probe(url)).toEqual({ kind: 'passed' });
    expect(await probe(url, 30)).toEqual({ kind: 'passed' });
  });

  it('says that it was cut, as soon as it is', async () => {
    const { probes, url } = await startRole();
    const seen = probe(url, 60_000);
    const cutting = setInterval(() => probes.close(), 20);
    expect(await seen).toMatchObject({ kind: 'cut' });
    clearInterval(cutting);
  });

  it('knows a role that offers none from something else that answers', async () => {
    const server = createServer((request, response) => {
      const type = request.url === PROBE_PATH ? 'text/html' : 'application/json';
      response.writeHead(404, { 'content-type': type, connection: 'close' }).end('{}');
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await probe(url)).toEqual({ kind: 'intercepted', status: 404 });
  });

  it('is refused when one address has four, and not when one of them has gone', async () => {
    const { url } = await startRole();
    const open = Array.from({ length: 4 }, () => dial(url));
    await Promise.all(open.map((ws) => once(ws, 'open')));
    expect(await probe(url)).toEqual({ kind: 'not_offered' });
    open[0]?.terminate();
    await expect.poll(() => probe(url), { timeout: 10_000 }).toEqual({ kind: 'passed' });
    for (const ws of open) ws.terminate();
  });

  it('is closed for a long message, and for one too many', async () => {
    const { url } = await startRole();
    const long = dial(url);
    await once(long, 'open');
    long.send('x'.repeat(65));
    const [code] = (await once(long, 'close')) as [number];
    expect(code).toBe(1009);
    const many = dial(url);
    await once(many, 'open');
    for (let n = 0; n < 9; n++) many.send('x');
    await once(many, 'close');
  });

  it('can be given up', async () => {
    const { url } = await startRole();
    const controller = new AbortController();
    const seen = probe(url, 60_000, controller.signal);
    controller.abort();
    await expect(seen.catch((error: unknown) => ({ kind: String(error) }))).resolves.toBeDefined();
  });
});
