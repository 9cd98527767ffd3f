import { createHash, randomBytes, randomInt } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rawOutput } from '../../recordings/cast-reader.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import { connectSsh, type SshClientConnection } from '../../shared/ssh/client-connection.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const CHANNELS = 30;
const SIZE_MAX = 48 * 1024;
const SEED_END = 2 ** 31;

const POLICY = `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: ['*'] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [shell, exec, sftp]
    forward: ['127.0.0.1:*']
`;

/** What the client has sent and got on one channel. */
interface Crossed {
  readonly kind: 'shell' | 'exec' | 'subsystem' | 'forward';
  readonly sent: Buffer;
  readonly got: Buffer;
  /** Of what it got, what the bastion itself has said in a terminal. */
  readonly noticeBytes: number;
  readonly pty: boolean;
}

/** Numbers that are as good as random and the same for the same seed (mulberry32). */
function numbersFrom(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

/** Gathers all that comes on a channel until it is closed, and tells `onGot` of it. */
function gather(channel: SshChannel, onGot: (all: Buffer) => void = () => undefined): Promise<Buffer> {
  let got: Buffer = Buffer.alloc(0);
  return new Promise<Buffer>((resolve) => {
    channel.attach({
      onData: (chunk) => {
        got = Buffer.concat([got, chunk]);
        channel.consumed(chunk.length);
        onGot(got);
      },
      onRequest: () => true,
      onEof: () => channel.close(),
      onClosed: () => resolve(got),
    });
  });
}

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer).swap32();
const text = (bytes: Buffer): Buffer => Buffer.concat([u32(bytes.length), bytes]);

/** Puts a file by SFTP and gets it again, a request at a time. */
async function putAndGet(channel: SshChannel, contents: Buffer): Promise<{ sent: Buffer; got: Buffer }> {
  const sent: Buffer[] = [];
  let read = 0;
  let onReply: (reply: Buffer) => void = () => undefined;
  const closed = gather(channel, (all) => {
    const end = all.length < read + 4 ? Number.POSITIVE_INFINITY : read + 4 + all.readUInt32BE(read);
    if (all.length < end) return;
    const reply = all.subarray(read + 4, end);
    read = end;
    onReply(reply);
  });
  const ask = (type: number, ...fields: readonly Buffer[]): Promise<Buffer> => {
    const packet = text(Buffer.concat([Buffer.from([type]), ...fields]));
    sent.push(packet);
    const reply = new Promise<Buffer>((resolve) => {
      onReply = resolve;
    });
    channel.write(packet);
    return reply;
  };
  const path = Buffer.from(join(temporaryDirectory(), 'file'));
  const open = async (flags: number): Promise<Buffer> =>
    (await ask(3, u32(1), text(path), u32(flags), u32(0))).subarray(5);
  await ask(1, u32(3));
  const written = await open(0x1a);
  await ask(6, u32(2), written, u32(0), u32(0), text(contents));
  await ask(4, u32(3), written);
  const handle = await open(0x01);
  await ask(5, u32(4), handle, u32(0), u32(0), u32(contents.length));
  await ask(4, u32(5), handle);
  channel.end();
  return { sent: Buffer.concat(sent), got: await closed };
}

/** Sends `sent`, and EOF where `ends` says so, and gives back all that comes until the channel is closed. */
function talk(channel: SshChannel, sent: Buffer, ends: boolean): Promise<Buffer> {
  const closed = gather(channel);
  channel.write(sent);
  if (ends) channel.end();
  return closed;
}

/** Ways to use a channel; each ends by itself, when the host has taken all that was sent. */
function waysOf(
  connection: SshClientConnection,
  echoPort: number,
  number: (end: number) => number,
): readonly (() => Promise<Crossed>)[] {
  const none = { noticeBytes: 0, pty: false };
  const command = async (line: string, sent: Buffer): Promise<Crossed> => {
    const channel = await connection.openSession();
    await channel.request({ kind: 'exec', command: Buffer.from(line) });
    return { kind: 'exec', sent, got: await talk(channel, sent, true), ...none };
  };
  const terminal = async (start: 'shell' | 'exec'): Promise<Crossed> => {
    const channel = await connection.openSession();
    const size = { cols: 80, rows: 24, widthPx: 0, heightPx: 0 };
    await channel.request({ kind: 'pty', term: 'xterm', ...size, modes: Buffer.alloc(0) });
    const made = `head -c ${number(SIZE_MAX)} /dev/urandom | base64`;
    const line = start === 'shell' ? `${made}; exit\n` : 'typed\n';
    const wanted = { kind: 'exec' as const, command: Buffer.from(`read line; ${made}`) };
    await channel.request(start === 'shell' ? { kind: 'shell' } : wanted);
    const sent = Buffer.from(line);
    const got = await talk(channel, sent, false);
    return { kind: start, sent, got, noticeBytes: start === 'shell' ? got.indexOf('\n') + 1 : 0, pty: true };
  };
  const bytes = (): Buffer => randomBytes(number(SIZE_MAX));
  return [
    () => command('cat', bytes()),
    () => command('cat >&2', bytes()),
    () => command('tee /dev/stderr | sha256sum', bytes()),
    () => command('wc -c >/dev/null', bytes()),
    () => command(`cat >/dev/null; head -c ${number(SIZE_MAX)} /dev/urandom; exit 3`, Buffer.alloc(0)),
    () => terminal('exec'),
    () => terminal('shell'),
    async () => {
      const channel = await connection.openSession();
      await channel.request({ kind: 'subsystem', name: 'sftp' });
      return { kind: 'subsystem', ...(await putAndGet(channel, bytes())), ...none };
    },
    async () => {
      const channel = await connection.openForward({ host: '127.0.0.1', port: echoPort });
      const sent = bytes();
      return { kind: 'forward', sent, got: await talk(channel, sent, true), ...none };
    },
  ];
}

async function startEcho(): Promise<number> {
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void echo.close());
  return (echo.address() as AddressInfo).port;
}

async function startWithHost(): Promise<TestBastion> {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    policy: POLICY,
  });
  await bastion.accessOn();
  return bastion;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const sorted = (items: readonly object[]): string[] => items.map((item) => JSON.stringify(item)).sort();
const sum = (numbers: readonly number[]): number => numbers.reduce((total, next) => total + next, 0);

test('what a session is said to have moved is what its client has sent and got, by channel and direction', {
  timeout: 60_000,
}, async () => {
  const seed = randomInt(SEED_END);
  const number = numbersFrom(seed);
  const echoPort = await startEcho();
  const bastion = await startWithHost();
  const port = await bastion.proxy.bridge('web-1', () => ({}));
  const connection = await connectSsh(connect({ port, host: '127.0.0.1' }), {
    username: LOGIN,
    privateKey: bastion.operatorKey.privateKey,
    verifyHostKey: () => true,
    timeoutMs: 30_000,
  });
  const ways = waysOf(connection, echoPort, number);
  // Each once at least; which come again, in which order, and how much goes through is left to chance.
  const chosen = Array.from({ length: CHANNELS }, (_, index) => ways[index] ?? ways[number(ways.length)]);
  const begun = chosen.sort(() => number(3) - 1).map((way) => way?.());
  const crossed = (await Promise.all(begun)).filter((channel) => channel !== undefined);
  connection.end();

  const ended = await bastion.auditHas('session.ended');
  const label = `seed ${seed}`;
  const measured = crossed.map(({ kind, sent, got, noticeBytes }) => ({
    kind,
    bytesIn: sent.length,
    bytesOut: got.length - noticeBytes,
  }));
  const told = ended['channels'] as unknown as readonly ((typeof measured)[number] & { channel: number })[];
  expect(new Set(told.map(({ channel }) => channel)).size, label).toBe(CHANNELS);
  expect(sorted(told.map(({ kind, bytesIn, bytesOut }) => ({ kind, bytesIn, bytesOut }))), label).toEqual(
    sorted(measured),
  );
  expect(ended, label).toMatchObject({
    bytesIn: sum(measured.map(({ bytesIn }) => bytesIn)),
    bytesOut: sum(measured.map(({ bytesOut }) => bytesOut)),
  });

  const closed = await bastion.audit();
  const hashed = closed.filter(({ type }) => ['exec.ended', 'forward.closed'].includes(type));
  expect(sorted(hashed.map(({ sha256In, sha256Out }) => ({ sha256In, sha256Out }))), label).toEqual(
    sorted(
      crossed
        .filter(({ kind }) => kind !== 'shell')
        .map(({ kind, pty, sent, got }) => ({
          ...(pty ? {} : { sha256In: sha256(sent) }),
          ...(kind === 'exec' ? {} : { sha256Out: sha256(got) }),
        })),
    ),
  );
  const recordings = closed.filter(({ type }) => type === 'recording.closed');
  const shown = await waitFor(() =>
    Promise.all(recordings.map(({ path }) => outputOf(bastion, String(path)))),
  );
  expect(shown.map(sha256).sort(), label).toEqual(
    crossed
      .filter(({ kind }) => kind === 'exec' || kind === 'shell')
      .map(({ got }) => sha256(got))
      .sort(),
  );
});

/** All that a recording shows, in bytes. */
async function outputOf(bastion: TestBastion, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of rawOutput(join(bastion.config.dataDir, 'recordings', path))) chunks.push(chunk);
  return Buffer.concat(chunks);
}
