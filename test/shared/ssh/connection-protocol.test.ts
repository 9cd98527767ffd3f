import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import { UNREAD_LIMIT_BYTES } from '../../../shared/ssh/connection-protocol.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { MESSAGE } from '../../../shared/ssh/messages.ts';
import { serveSsh } from '../../../shared/ssh/server-connection.ts';
import { attachPackets, type PacketPort } from '../../../shared/ssh/ssh2-internals.ts';
import { loadSsh2 } from '../../../shared/ssh/ssh2-library.ts';
import { protocolOf } from '../../../shared/ssh/ssh2-protocol.ts';
import { WireWriter } from '../../../shared/ssh/wire.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** Opens a channel of a kind that there is not: it is refused with a sentence. */
const QUESTION = new WireWriter()
  .byte(MESSAGE.CHANNEL_OPEN)
  .string('?')
  .uint32(1)
  .uint32(1000)
  .uint32(1000)
  .finish();
/** Their answers would fill the limit several times. */
const QUESTIONS = 50_000;
const AT_ONCE = 1000;

interface Connected {
  readonly client: object;
  readonly port: PacketPort;
  readonly clientEnd: Socket;
  readonly serverEnd: Socket;
  readonly clock: FakeClock;
  readonly reasons: string[];
}

/** A client of ssh2 that is signed in to a server of ours and can send any packet. */
async function connected(): Promise<Connected> {
  // Of all sockets those in the file system hold the least on the way.
  const path = join(temporaryDirectory(), 'ssh');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const arrival = once(server, 'connection') as Promise<[Socket]>;
  const clientEnd = connect(path);
  const [serverEnd] = await arrival;
  const clock = new FakeClock();
  const reasons: string[] = [];
  serveSsh(serverEnd, {
    hostKey: generateSshKey('test host').privateKey,
    loginGraceMs: 60_000,
    maxAuthTries: 6,
    clock,
    log: silentLogger(),
    onAuth: (attempt) => attempt.accept(),
    onClose: (reason) => reasons.push(reason),
  });
  const { Client } = loadSsh2();
  const client = new Client();
  client.on('error', () => undefined);
  const ready = once(client, 'ready');
  const privateKey = generateSshKey('test client').privateKey;
  client.connect({ sock: clientEnd, username: 'alice', privateKey, hostVerifier: () => true });
  const nothing = () => undefined;
  const port = attachPackets(client, { onPacket: nothing, onFault: nothing, onReceived: nothing });
  await ready;
  onTestFinished(() => {
    clientEnd.destroy();
    serverEnd.destroy();
    server.close();
  });
  return { client, port, clientEnd, serverEnd, clock, reasons };
}

/** Asks on and on until the server hangs up; says how much waited for the client at most. */
async function askOnAndOn({ port, serverEnd }: Connected): Promise<number> {
  let mostBytes = 0;
  for (let asked = 0; asked < QUESTIONS && !serverEnd.writableEnded; asked += AT_ONCE) {
    for (let n = 0; n < AT_ONCE; n++) port.send(QUESTION);
    await new Promise((resolve) => setImmediate(resolve));
    mostBytes = Math.max(mostBytes, serverEnd.writableLength);
  }
  return mostBytes;
}

test('a client that asks on and on and reads no answer is cut off before they fill the memory', async () => {
  const connection = await connected();
  connection.clientEnd.pause();
  const mostBytes = await askOnAndOn(connection);
  expect(connection.serverEnd.writableEnded).toBe(true);
  expect(mostBytes).toBeLessThan(UNREAD_LIMIT_BYTES + 64 * 1024);
  // It does not take the end either.
  connection.clock.advance(10_000);
  await expect.poll(() => connection.reasons).toEqual(['The SSH peer asks on and on and takes no answers.']);
});

test('a client that begins to renew keys, never goes on and asks on and on is cut off', async () => {
  const connection = await connected();
  const protocol = protocolOf(connection.client);
  // ssh2's own client would hold back what it is given from its KEXINIT on.
  Object.defineProperty(protocol, '_kexinit', { get: () => undefined, set: () => undefined });
  Object.assign(protocol._decipher ?? {}, { _onPayload: () => undefined });
  connection.port.rekey();
  await askOnAndOn(connection);
  connection.clientEnd.resume();
  connection.clock.advance(10_000);
  await expect.poll(() => connection.reasons).toEqual(['The SSH peer asks on and on and takes no answers.']);
});

test('a client that reads its answers may ask on and on', async () => {
  const connection = await connected();
  await askOnAndOn(connection);
  expect(connection.serverEnd.writableEnded).toBe(false);
  expect(connection.reasons).toEqual([]);
});
