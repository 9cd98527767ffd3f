import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { MultiaddrConnection, Stream } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../shared/clock.ts';
import type { Transport, TransportHandlers } from '../../../../shared/tunnel/transport.ts';
import { YamuxSession } from '../../../../shared/tunnel/yamux/session.ts';
import type { YamuxStream } from '../../../../shared/tunnel/yamux/stream.ts';
import { waitFor } from '../../../support/wait-for.ts';

/** The other implementation is written for a newer Node; this is all that it misses in ours. */
function withResolvers<T>() {
  let resolve: (value: T | PromiseLike<T>) => void = () => {};
  let reject: (reason?: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
if (!('withResolvers' in Promise)) Object.defineProperty(Promise, 'withResolvers', { value: withResolvers });

/** Our side of an in-memory connection to the other implementation. */
class ConnectionTransport implements Transport {
  readonly parkedBytes = 0;
  readonly #connection: MultiaddrConnection;

  constructor(connection: MultiaddrConnection) {
    this.#connection = connection;
  }

  start(handlers: TransportHandlers): void {
    this.#connection.addEventListener('message', (event) => {
      handlers.onMessage(Buffer.from(event.data.subarray()));
    });
    this.#connection.addEventListener('close', () => {
      handlers.onClose({ code: 'tunnel.lost', message: 'The connection was closed.' });
    });
  }

  send(pieces: readonly Buffer[], bytes: number): void {
    this.#connection.send(Buffer.concat(pieces, bytes));
  }

  close(): void {
    this.#connection.close().catch(() => {});
  }
}

/** Our session in one role and libp2p's muxer in the other. */
function connect(side: 'client' | 'server') {
  const [outbound, inbound] = multiaddrConnectionPair();
  const [our, their] = side === 'client' ? [outbound, inbound] : [inbound, outbound];
  const muxer = yamux({ enableKeepAlive: true, keepAliveInterval: 50 })().createStreamMuxer(their);
  const accepted: YamuxStream[] = [];
  const ends: string[] = [];
  const session = new YamuxSession({
    transport: new ConnectionTransport(our),
    side,
    clock: systemClock,
    mayAccept: () => true,
    onStream: (stream) => accepted.push(stream),
    onStreamEnded: () => {},
    onGoAway: () => ends.push('goaway'),
    onEnd: (reason) => ends.push(reason.message),
  });
  session.start();
  onTestFinished(() => session.close({ code: 'test.closed', message: 'The test is over.' }));
  return { session, muxer, accepted, ends };
}

async function readOurs(stream: YamuxStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

async function readTheirs(stream: Stream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk.subarray());
  return Buffer.concat(chunks);
}

async function writeTheirs(stream: Stream, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 32 * 1024) {
    if (!stream.send(bytes.subarray(at, at + 32 * 1024))) await stream.onDrain();
  }
  await stream.close();
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe.each(['client', 'server'] as const)('our session as %s with the yamux of libp2p', (side) => {
  test('opens a stream there, sends many windows of data, and reads the answer', async () => {
    const { session, muxer } = connect(side);
    const sent = randomBytes(3 * 1024 * 1024);
    const received = new Promise<Buffer>((resolve, reject) => {
      muxer.addEventListener('stream', (event) => {
        const stream = event.detail;
        readTheirs(stream)
          .then(async (bytes) => {
            await writeTheirs(stream, Buffer.from('thank you'));
            resolve(bytes);
          })
          .catch(reject);
      });
    });
    const stream = session.openStream();
    const answer = readOurs(stream);
    stream.end(sent);
    expect(sha256(await received)).toBe(sha256(sent));
    expect((await answer).toString()).toBe('thank you');
    await waitFor(() => session.openStreams === 0);
  });

  test('accepts a stream from there, reads many windows of data, and answers', async () => {
    const { session, muxer, accepted } = connect(side);
    const sent = randomBytes(3 * 1024 * 1024);
    const theirs = await muxer.createStream();
    const answer = readTheirs(theirs);
    const writing = writeTheirs(theirs, sent);
    const ours = await waitFor(() => accepted[0]);
    expect(sha256(await readOurs(ours))).toBe(sha256(sent));
    await writing;
    ours.end('thank you');
    expect((await answer).toString()).toBe('thank you');
    await waitFor(() => session.openStreams === 0);
  });

  test('measures the round trip, and answers the pings from there', async () => {
    const { session, muxer } = connect(side);
    await waitFor(() => session.rttMs !== undefined);
    expect(await muxer.ping()).toBeGreaterThanOrEqual(0);
  });

  test('understands a reset from there, and is understood', async () => {
    const { session, muxer, accepted } = connect(side);
    const theirs = await muxer.createStream();
    const ours = await waitFor(() => accepted[0]);
    theirs.abort(new Error('enough'));
    await waitFor(() => ours.destroyed);
    const incoming = new Promise<Stream>((resolve) => {
      muxer.addEventListener('stream', (event) => resolve(event.detail));
    });
    session.openStream().destroy();
    const reset = await incoming;
    await waitFor(() => reset.status === 'reset');
  });

  test('understands its goodbye', async () => {
    const { muxer, ends } = connect(side);
    await muxer.close();
    await waitFor(() => ends.length > 0);
    expect(ends[0]).toBe('goaway');
  });
});
