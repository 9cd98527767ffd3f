import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  joinStreams,
  RELAYS_PER_OPERATOR_LIMIT,
  type RelayOwner,
  Relays,
} from '../../../proxy/tunnels/relays.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Two ends of one TCP connection, each of which can half-close. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  const near = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  onTestFinished(() => {
    near.destroy();
    far.destroy();
  });
  for (const socket of [near, far]) socket.on('error', () => undefined);
  return [near, far];
}

/** All that comes until the end; the socket stays open for writing. */
async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString();
}

describe('joined streams', () => {
  it('pass on each end by itself, and lose nothing', async () => {
    const [operator, left] = await socketPair();
    const [right, bastion] = await socketPair();
    const joined = joinStreams(left, right);
    operator.end('question');
    expect(await received(bastion)).toBe('question');
    const large = 'answer '.repeat(200_000);
    bastion.end(large);
    expect((await received(operator)) === large).toBe(true);
    expect(await joined).toEqual({});
  });

  it('stop the writer when the reader stalls', async () => {
    const [operator, left] = await socketPair();
    const [right, bastion] = await socketPair();
    void joinStreams(left, right);
    const sizeBytes = 64 * 1024 * 1024;
    operator.write(Buffer.alloc(sizeBytes));
    let quietPolls = 0;
    let seenBytes = 0;
    await waitFor(
      () => {
        quietPolls = left.bytesRead > 0 && left.bytesRead === seenBytes ? quietPolls + 1 : 0;
        seenBytes = left.bytesRead;
        return quietPolls > 20;
      },
      { what: 'the flow to stop' },
    );
    expect(left.bytesRead).toBeLessThan(sizeBytes / 2);
    expect(left.readableLength + right.writableLength).toBeLessThan(1024 * 1024);
    bastion.destroy();
  });

  it('are both destroyed when one breaks', async () => {
    const [operator, left] = await socketPair();
    const [right, bastion] = await socketPair();
    const joined = joinStreams(left, right);
    bastion.resetAndDestroy();
    expect((await joined).error).toBeDefined();
    await waitFor(() => left.destroyed && right.destroyed);
    operator.resume();
    await waitFor(() => operator.readableEnded || operator.destroyed);
  });
});

function ownedBy(username: string, more: Partial<RelayOwner> = {}): RelayOwner {
  return { username, fingerprint: `SHA256:${username}`, ...more };
}

describe('the list of relays', () => {
  it('cuts by key and by device as well, says why to the client, and cuts nothing for an empty choice', async () => {
    const relays = new Relays();
    const told: string[] = [];
    const streams = [new PassThrough(), new PassThrough(), new PassThrough()] as const;
    relays.add(ownedBy('alice', { deviceId: 'd-1' }), streams[0], {
      tell: (sentence) => told.push(sentence),
    });
    relays.add(ownedBy('alice', { fingerprint: 'SHA256:other' }), streams[1]);
    relays.add(ownedBy('bob'), streams[2]);
    expect(relays.cut({}, 'Nobody.')).toBe(0);
    expect(relays.cut({ deviceId: 'd-1' }, 'Lost.')).toBe(1);
    expect(relays.cut({ username: 'alice', fingerprint: 'SHA256:other' }, 'Out.')).toBe(1);
    expect(told).toEqual(['Lost.']);
    await waitFor(() => relays.count === 1);
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true, false]);
  });

  it('cuts the connections of one operator and leaves the others', async () => {
    const relays = new Relays();
    const [one] = await socketPair();
    const [two] = await socketPair();
    relays.add(ownedBy('alice'), one);
    relays.add(ownedBy('bob'), two);
    expect(relays.count).toBe(2);
    expect(relays.cut({ username: 'alice' }, 'Why.')).toBe(1);
    await waitFor(() => relays.count === 1);
    expect([one.destroyed, two.destroyed]).toEqual([true, false]);
  });

  it('refuses an operator who has too many, with a sentence', async () => {
    const relays = new Relays();
    for (let number = 0; number < RELAYS_PER_OPERATOR_LIMIT; number++)
      relays.add(ownedBy('alice'), new PassThrough());
    const open = async () => 'opened';
    await expect(relays.opening('alice', open)).rejects.toThrow('You have too many connections open.');
    expect(await relays.opening('bob', open)).toBe('opened');
  });

  it('counts connections of an operator from when they are asked for, and no longer than they are', async () => {
    const relays = new Relays();
    const letGo: ((error?: Error) => void)[] = [];
    const asked = Array.from({ length: RELAYS_PER_OPERATOR_LIMIT }, () =>
      relays.opening(
        'alice',
        () =>
          new Promise<void>((resolve, reject) =>
            letGo.push((error) => (error === undefined ? resolve() : reject(error))),
          ),
      ),
    );
    const one = async () => 1;
    await expect(relays.opening('alice', one)).rejects.toMatchObject({
      code: 'operator.too_many_connections',
    });
    letGo.pop()?.(new Error('refused'));
    await expect(asked.at(-1)).rejects.toThrow('refused');
    expect(await relays.opening('alice', one)).toBe(1);
    for (const settle of letGo) settle();
    await Promise.all(asked.slice(0, -1));
  });
});
