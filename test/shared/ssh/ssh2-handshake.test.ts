import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDrawbridgeError } from '../../../shared/errors.ts';
import { HYBRID, USER_SIGNATURES } from '../../../shared/ssh/algorithms.ts';
import { connectSsh, type SshClientConnection } from '../../../shared/ssh/client-connection.ts';
import { readKexMethods } from '../../../shared/ssh/kexinit.ts';
import { announceSignatures, attachKex } from '../../../shared/ssh/ssh2-handshake.ts';
import { WireReader } from '../../../shared/ssh/wire.ts';
import { createTestKey, ISOLATED, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';
import { waitFor } from '../../support/wait-for.ts';

const KEXINIT = 20;
const KEX_ECDH_INIT = 30;

let dir: string;
let key: TestKey;
let server: TestServer;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drawbridge-kex-'));
  key = await createTestKey(dir);
  server = await startTestServer(key, { rekeyBytes: 1024 * 1024 });
});
afterAll(async () => {
  await server.listener.close('The test is over.');
  await rm(dir, { recursive: true, force: true });
});

function stock(options: readonly string[], command: string) {
  const where = ['-p', String(server.port), '-i', key.path, 'alice@127.0.0.1'];
  return runSsh([...options, ...ISOLATED, ...where, command]);
}

/** Packets that a client sends before it encrypts. */
function plainPackets(bytes: Buffer): readonly Buffer[] {
  const packets: Buffer[] = [];
  let position = bytes.indexOf('\r\n') + 2;
  while (position + 5 <= bytes.length && packets.length < 2) {
    const length = bytes.readUInt32BE(position);
    const padding = bytes.readUInt8(position + 4);
    packets.push(bytes.subarray(position + 5, position + 4 + length - padding));
    position += 4 + length;
  }
  return packets;
}

async function connectOwn(): Promise<{ connection: SshClientConnection; sent: () => Buffer }> {
  const sent: Buffer[] = [];
  const relay = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => sent.push(chunk));
    client.on('error', () => upstream.destroy());
    client.pipe(upstream).pipe(client);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port } = relay.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.on('connect', () => relay.close());
  const connection = await connectSsh(socket, {
    username: 'alice',
    privateKey: key.privateKey,
    verifyHostKey: () => true,
    timeoutMs: 10_000,
    rekeyBytes: 1024 * 1024,
  });
  return { connection, sent: () => Buffer.concat(sent) };
}

describe('the post-quantum key exchange', () => {
  it('is what our client and our server choose, and it goes on working when keys are renewed', async () => {
    const { connection, sent } = await connectOwn();
    const [kexinit, share] = plainPackets(sent());
    expect(kexinit?.[0]).toBe(KEXINIT);
    expect(readKexMethods(kexinit ?? Buffer.alloc(0))?.[0]).toBe('mlkem768x25519-sha256');
    expect(share?.[0]).toBe(KEX_ECDH_INIT);
    expect(share?.readUInt32BE(1)).toBe(1184 + 32);

    const channel = await connection.openSession();
    const mebibytes = 8;
    let bytes = 0;
    const ended = new Promise<void>((resolve) => {
      channel.attach({
        onData(chunk) {
          bytes += chunk.length;
          channel.consumed(chunk.length);
        },
        onClosed: resolve,
      });
    });
    expect(await channel.request({ kind: 'exec', command: Buffer.from(`flood ${mebibytes}`) })).toBe(true);
    await ended;
    expect(bytes).toBe(mebibytes * 1024 * 1024);
    connection.destroy();
  });

  it('gives way to what an older client has', async () => {
    const run = await stock(
      ['-v', '-o', 'KexAlgorithms=curve25519-sha256', '-o', 'LogLevel=DEBUG1'],
      'exit 3',
    );
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('kex: algorithm: curve25519-sha256');
  });

  it('is what the stock client chooses when it has it', async () => {
    const known = spawnSync('ssh', ['-Q', 'kex'], { encoding: 'utf8' }).stdout.includes(HYBRID.name);
    const run = await stock(['-o', 'LogLevel=DEBUG1', '-o', 'RekeyLimit=1M'], 'flood 16');
    expect(run.code).toBe(0);
    const expected = known ? HYBRID.name : 'curve25519-sha256';
    expect(run.stderr.match(/kex: algorithm: \S+/g)?.length).toBeGreaterThan(1);
    expect(new Set(run.stderr.match(/kex: algorithm: \S+/g))).toEqual(
      new Set([`kex: algorithm: ${expected}`]),
    );
  });

  it('tells another ssh2 by its fields and does not start on it', () => {
    for (const attempt of [
      () => attachKex({ _protocol: { _kexinit: undefined } }, HYBRID),
      () => announceSignatures({}, USER_SIGNATURES),
    ]) {
      let thrown: unknown;
      try {
        attempt();
      } catch (error) {
        thrown = error;
      }
      expect(isDrawbridgeError(thrown, 'ssh.unsupported_library')).toBe(true);
    }
  });
});

describe('the list of signatures', () => {
  it('reaches clients whole, without SHA-1', async () => {
    const run = await stock(['-o', 'LogLevel=DEBUG1'], 'exit 0');
    const list = /server-sig-algs=<([^>]*)>/.exec(run.stderr)?.[1]?.split(',');
    expect(list).toEqual([...USER_SIGNATURES]);
  });
});

describe('what is offered', () => {
  it.each([
    ['SSH-2.0-libssh2_1.10.0', ['hmac-sha2-256']],
    ['SSH-2.0-libssh2_1.9.0', ['hmac-sha2-256']],
    ['SSH-2.0-libssh2_1.11.1', []],
    ['SSH-2.0-OpenSSH_9.2', []],
    ['SSH-2.0-x-libssh2_1.10.0', []],
  ])('has to %s these MACs more: %j', async (version, more) => {
    const socket = connect(server.port, '127.0.0.1');
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.write(`${version}\r\n`);
    await waitFor(() => plainPackets(Buffer.concat(received)).length > 0, { what: 'the KEXINIT' });
    socket.destroy();
    const [kexinit = Buffer.alloc(0)] = plainPackets(Buffer.concat(received));
    const reader = new WireReader(kexinit, 17);
    const lists = Array.from({ length: 6 }, () => reader.string().toString().split(','));
    const macs = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', ...more];
    expect(lists.slice(4)).toEqual([macs, macs]);
  });
});
