import { once } from 'node:events';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { limitHandshakes } from '../../../shared/tunnel/handshake-limit.ts';
import { MAX_HANDSHAKES_PER_ADDRESS } from '../../../shared/tunnel/limits.ts';
import { heldBytes } from '../../support/heap.ts';
import { acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

const MIB = 1024 * 1024;
const HALF_OPEN = 10_000;
const AT_ONCE = 500;

/** Connects and says nothing; resolves when it stands, with whether the other end kept it. */
async function sayNothing(port: number, address: string, open: Set<Socket>): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address });
  open.add(socket);
  socket.on('error', () => socket.destroy());
  socket.once('close', () => open.delete(socket));
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
}

test('10,000 connections that never finish their handshake hold few places, shut nobody else out, and leave nothing behind', async () => {
  const who = await acquaint();
  const meeting = await meet(who);
  const refused = new Map<string, number>();
  limitHandshakes(meeting.server, (address) => refused.set(address, (refused.get(address) ?? 0) + 1));
  const before = heldBytes();
  const open = new Set<Socket>();
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
  });
  // From another address of loopback, so that the bastion has one of its own, as it would.
  for (let made = 0; made < HALF_OPEN; made += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => sayNothing(meeting.port, '127.0.0.2', open)));
    await waitFor(() => open.size <= MAX_HANDSHAKES_PER_ADDRESS, { what: 'the refused ones to be cut' });
  }
  expect(open.size).toBe(MAX_HANDSHAKES_PER_ADDRESS);
  expect(refused.get('127.0.0.2')).toBe(HALF_OPEN - MAX_HANDSHAKES_PER_ADDRESS);
  expect(heldBytes() - before).toBeLessThan(64 * MIB);

  const uplink = uplinkTo(who, meeting.port);
  uplink.start();
  await waitFor(() => uplink.pick());

  for (const socket of open) socket.destroy();
  const count = () =>
    new Promise<number>((resolve) => meeting.server.getConnections((_, connections) => resolve(connections)));
  await waitFor(async () => (await count()) === 1, { what: 'only the tunnel to be left' });
  await waitFor(() => heldBytes() - before < 8 * MIB, { periodMs: 100 });
}, 60_000);

test('a handshake that is finished makes room for the next', async () => {
  const who = await acquaint();
  const server = createServer({ cert: who.certificate.cert, key: who.certificate.key });
  const refused: string[] = [];
  limitHandshakes(server, (address) => refused.push(address));
  server.on('request', (_request, response) => response.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const { connect: tlsConnect } = await import('node:tls');
  for (let i = 0; i < MAX_HANDSHAKES_PER_ADDRESS + 20; i += 1) {
    const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    onTestFinished(() => void socket.destroy());
  }
  expect(refused).toEqual([]);
});
