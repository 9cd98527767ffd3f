import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  IDLE_FRAME_BURST,
  INITIAL_WINDOW_BYTES,
  MAX_STREAMS_PER_DIRECTION,
  MAX_WAITING_CONTROL_FRAMES,
  PING_BURST,
  SILENCE_TIMEOUT_MS,
  SYN_BURST,
} from '../../../../shared/tunnel/limits.ts';
import type { TunnelClosed } from '../../../../shared/tunnel/tunnel.ts';
import {
  encodeHeader,
  Flag,
  FrameDecoder,
  type FrameHeader,
  FrameType,
} from '../../../../shared/tunnel/yamux/frame.ts';
import { YamuxSession } from '../../../../shared/tunnel/yamux/session.ts';
import type { YamuxStream } from '../../../../shared/tunnel/yamux/stream.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryTransport } from '../../../support/memory-transport.ts';
import { waitFor } from '../../../support/wait-for.ts';

const { Data, WindowUpdate, Ping, GoAway } = FrameType;

/** A server session whose peer is the test. */
function serve(options: { mayAccept?: () => boolean } = {}) {
  const clock = new FakeClock();
  const transport = new MemoryTransport();
  const accepted: YamuxStream[] = [];
  const ends: TunnelClosed[] = [];
  let goAways = 0;
  const session = new YamuxSession({
    transport,
    side: 'server',
    clock,
    mayAccept: options.mayAccept ?? (() => true),
    onStream: (stream) => accepted.push(stream),
    onStreamEnded: () => {},
    onGoAway: () => {
      goAways += 1;
    },
    onEnd: (reason) => ends.push(reason),
  });
  session.start();
  const receive = (
    type: FrameType,
    flags: number,
    id: number,
    length: number,
    payload: Buffer = Buffer.alloc(0),
  ) => transport.receive(Buffer.concat([encodeHeader(type, flags, id, length), payload]));
  const data = (id: number, payload: Buffer, flags = 0) => receive(Data, flags, id, payload.length, payload);
  const syn = (id: number) => receive(WindowUpdate, Flag.Syn, id, 0);
  return { clock, transport, session, accepted, ends, receive, data, syn, goAways: () => goAways };
}

/** The headers that were sent. */
function headersOf(transport: MemoryTransport): FrameHeader[] {
  const headers: FrameHeader[] = [];
  const decoder = new FrameDecoder({
    onHeader: (header) => {
      headers.push(header);
      return undefined;
    },
    onPayload: () => undefined,
  });
  decoder.push(Buffer.concat(transport.sent));
  return headers;
}

describe('a peer that breaks the rules loses its session with GoAway 1, and the fault is named', () => {
  type Peer = ReturnType<typeof serve>;
  const cases: readonly [string, (peer: Peer) => void, string][] = [
    ['a stream number of our own parity', (peer) => peer.syn(2), 'wrong parity'],
    [
      'a stream number used twice',
      (peer) => {
        peer.syn(3);
        peer.syn(3);
      },
      'used twice',
    ],
    [
      'a stream number below the last',
      (peer) => {
        peer.syn(3);
        peer.syn(1);
      },
      'used twice',
    ],
    ['data for a stream that never was', (peer) => peer.data(7, Buffer.alloc(1)), 'never opened'],
    [
      'a byte more than the window',
      (peer) => {
        peer.syn(1);
        peer.data(1, Buffer.alloc(INITIAL_WINDOW_BYTES));
        peer.data(1, Buffer.alloc(1));
      },
      'more data than the window allows',
    ],
    [
      'credit beyond 32 bits',
      (peer) => {
        peer.syn(1);
        peer.receive(WindowUpdate, 0, 1, 0xffff_ffff);
      },
      'beyond 32 bits',
    ],
    [
      'data after FIN',
      (peer) => {
        peer.syn(1);
        peer.receive(WindowUpdate, Flag.Fin, 1, 0);
        peer.data(1, Buffer.alloc(1));
      },
      'data after FIN',
    ],
    ['a ping that is neither', (peer) => peer.receive(Ping, 0, 0, 1), 'neither request nor answer'],
    [
      'pings beyond the burst',
      (peer) => {
        for (let i = 0; i <= PING_BURST; i += 1) peer.receive(Ping, Flag.Syn, 0, i);
      },
      'too many pings',
    ],
    [
      'empty data frames beyond the burst',
      (peer) => {
        peer.syn(1);
        for (let i = 0; i <= IDLE_FRAME_BURST; i += 1) peer.receive(Data, 0, 1, 0);
      },
      'without content',
    ],
    [
      'answers to what was answered, beyond the burst',
      (peer) => {
        const { streamId } = peer.session.openStream();
        for (let i = 0; i <= IDLE_FRAME_BURST + 1; i += 1) peer.receive(WindowUpdate, Flag.Ack, streamId, 0);
      },
      'without content',
    ],
    [
      'new streams beyond the burst',
      (peer) => {
        for (let i = 0; i <= SYN_BURST; i += 1) {
          peer.syn(2 * i + 1);
          peer.receive(WindowUpdate, Flag.Rst, 2 * i + 1, 0);
        }
      },
      'too many new streams',
    ],
  ];
  test.each(cases)('%s', (_, offend, fault) => {
    const peer = serve();
    offend(peer);
    expect(peer.ends).toHaveLength(1);
    expect(peer.ends[0]?.code).toBe('tunnel.protocol_error');
    expect(peer.ends[0]?.message).toContain(fault);
    expect(peer.transport.closedWith?.fault).toBe(true);
    expect(headersOf(peer.transport).at(-1)).toEqual({ type: GoAway, flags: 0, streamId: 0, length: 1 });
    expect(peer.session.openStreams).toBe(0);
    for (const stream of peer.accepted) expect(stream.destroyed).toBe(true);
  });
});

describe('a peer at the limit is still served', () => {
  test('its whole window', () => {
    const peer = serve();
    peer.syn(1);
    peer.data(1, Buffer.alloc(INITIAL_WINDOW_BYTES));
    expect(peer.ends).toEqual([]);
    expect(peer.accepted[0]?.readableLength).toBe(INITIAL_WINDOW_BYTES);
  });

  test('as many pings as the burst allows, each answered', async () => {
    const peer = serve();
    for (let i = 0; i < PING_BURST; i += 1) peer.receive(Ping, Flag.Syn, 0, i);
    await turn();
    expect(peer.ends).toEqual([]);
    const answers = headersOf(peer.transport).filter((header) => header.flags === Flag.Ack);
    expect(answers.map((header) => header.length)).toEqual([...Array(PING_BURST).keys()]);
  });

  test('as many streams as it may open; the next is reset and nothing else happens', async () => {
    const peer = serve();
    for (let i = 0; i <= MAX_STREAMS_PER_DIRECTION; i += 1) peer.syn(2 * i + 1);
    await turn();
    expect(peer.ends).toEqual([]);
    expect(peer.accepted).toHaveLength(MAX_STREAMS_PER_DIRECTION);
    const resets = headersOf(peer.transport).filter((header) => header.flags === Flag.Rst);
    expect(resets.map((header) => header.streamId)).toEqual([2 * MAX_STREAMS_PER_DIRECTION + 1]);
  });

  test('with frames for a stream that we have just reset, which were on their way', () => {
    const peer = serve();
    peer.syn(1);
    peer.accepted[0]?.destroy();
    peer.data(1, Buffer.alloc(1000));
    peer.receive(WindowUpdate, Flag.Fin, 1, 0);
    expect(peer.ends).toEqual([]);
  });
});

describe('a session', () => {
  test('resets a stream that its owner does not want', async () => {
    const peer = serve({ mayAccept: () => false });
    peer.syn(1);
    await turn();
    expect(peer.accepted).toEqual([]);
    expect(headersOf(peer.transport).map((header) => header.flags)).toContain(Flag.Rst);
  });

  test('takes FIN that comes with the last data after that data', async () => {
    const peer = serve();
    peer.syn(1);
    peer.data(1, Buffer.from('last words'), Flag.Fin);
    const stream = peer.accepted[0];
    if (stream === undefined) throw new Error('no stream');
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await waitFor(() => stream.readableEnded);
    expect(text).toBe('last words');
  });

  test('gives no credit for what nobody has read, and gives it when it was read', async () => {
    const peer = serve();
    peer.syn(1);
    peer.data(1, Buffer.alloc(INITIAL_WINDOW_BYTES));
    await turn();
    const credits = () =>
      headersOf(peer.transport).filter((header) => header.type === WindowUpdate && header.length > 0);
    expect(credits()).toEqual([]);
    peer.accepted[0]?.resume();
    await waitFor(() => credits().length > 0);
    expect(credits()[0]).toMatchObject({ streamId: 1, length: INITIAL_WINDOW_BYTES });
  });

  test('joins the bytes that a peer sends one per frame, so that they cost little more than their size', () => {
    const peer = serve();
    peer.syn(1);
    const stream = peer.accepted[0];
    if (stream === undefined) throw new Error('no stream');
    const single = Buffer.concat([encodeHeader(Data, 0, 1, 1), Buffer.from('x')]);
    const message = Buffer.concat(Array.from({ length: 1024 }, () => single));
    for (let sent = 0; sent < INITIAL_WINDOW_BYTES; sent += 1024) peer.transport.receive(message);
    expect(peer.ends).toEqual([]);
    let bytes = 0;
    let pieces = 0;
    for (let piece: unknown = stream.read(1); piece !== null; piece = stream.read(1)) bytes += 1;
    for (let piece: unknown = stream.read(); piece !== null; piece = stream.read()) {
      pieces += 1;
      bytes += (piece as Buffer).length;
    }
    expect(bytes).toBe(INITIAL_WINDOW_BYTES);
    expect(pieces).toBeLessThan(50);
  });

  test('ends the tunnel of a peer that makes it answer and does not read', () => {
    const peer = serve();
    peer.transport.stalled = true;
    for (let i = 0; i < MAX_WAITING_CONTROL_FRAMES && peer.ends.length === 0; i += 1) {
      peer.clock.advance(1000);
      peer.syn(2 * i + 1);
      peer.receive(WindowUpdate, Flag.Rst, 2 * i + 1, 0);
      peer.session.openStream().destroy();
    }
    expect(peer.ends[0]?.code).toBe('tunnel.stalled');
  });

  test('hands over no more than the parking limit to a network that takes nothing', async () => {
    const peer = serve();
    peer.transport.stalled = true;
    peer.syn(1);
    peer.receive(WindowUpdate, 0, 1, 64 * 1024 * 1024);
    const stream = peer.accepted[0];
    if (stream === undefined) throw new Error('no stream');
    for (let i = 0; i < 100; i += 1) stream.write(Buffer.alloc(64 * 1024));
    await turn();
    expect(peer.transport.parkedBytes).toBeLessThan(512 * 1024);
  });

  test('notices after 25 s that the peer has fallen silent, and not before', () => {
    const peer = serve();
    peer.clock.advance(SILENCE_TIMEOUT_MS - 1);
    expect(peer.ends).toEqual([]);
    peer.clock.advance(1);
    expect(peer.ends[0]?.code).toBe('tunnel.silent');
    expect(peer.clock.pendingTimers).toBe(0);
  });

  test('counts anything that comes as a sign of life', () => {
    const peer = serve();
    for (let i = 0; i < 10; i += 1) {
      peer.clock.advance(SILENCE_TIMEOUT_MS - 1);
      peer.syn(2 * i + 1);
    }
    expect(peer.ends).toEqual([]);
  });

  test('opens no stream for a peer after its own GoAway, and passes the peer’s on', async () => {
    const peer = serve();
    peer.receive(GoAway, 0, 0, 0);
    expect(peer.goAways()).toBe(1);
    peer.session.goAway();
    peer.syn(1);
    await turn();
    expect(peer.accepted).toEqual([]);
    expect(peer.ends).toEqual([]);
  });

  test('makes of any bytes at all frames or one end, and never throws', () => {
    const flags = fc.constantFrom(0, Flag.Syn, Flag.Ack, Flag.Fin, Flag.Rst, Flag.Syn | Flag.Fin, 15);
    const wild = fc
      .tuple(
        fc.integer({ min: 0, max: 4 }),
        flags,
        fc.integer({ min: 0, max: 9 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(0xffff_ffff),
      )
      .map(([type, f, id, payload, n]) => {
        const length = type === Data ? payload.length : n;
        const header = encodeHeader(Math.min(type, 3) as FrameType, f, id, length);
        header[1] = type;
        return type === Data ? Buffer.concat([header, payload]) : header;
      });
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            wild,
            fc.uint8Array().map((raw) => Buffer.from(raw)),
          ),
        ),
        (messages) => {
          const peer = serve();
          for (const message of messages) peer.transport.receive(message);
          expect(peer.ends.length).toBeLessThanOrEqual(1);
          if (peer.ends.length === 1) expect(peer.session.openStreams).toBe(0);
          peer.session.close({ code: 'test.closed', message: 'The test is over.' });
          expect(peer.clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
