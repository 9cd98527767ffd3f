import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import {
  MAX_ACCEPT_BACKLOG,
  PREFACE_TIMEOUT_MS,
  REFUSAL_LINGER_MS,
  REPLY_TIMEOUT_MS,
} from '../../../shared/tunnel/limits.ts';
import { MuxTunnel } from '../../../shared/tunnel/mux-tunnel.ts';
import { encodePreface } from '../../../shared/tunnel/preface.ts';
import type { IncomingStream } from '../../../shared/tunnel/tunnel.ts';
import { encodeHeader, Flag, FrameType } from '../../../shared/tunnel/yamux/frame.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryTransport } from '../../support/memory-transport.ts';

/** An accepting tunnel whose peer is the test. */
function serve() {
  const clock = new FakeClock();
  const transport = new MemoryTransport();
  const incoming: IncomingStream[] = [];
  const tunnel = new MuxTunnel({
    transport,
    side: 'server',
    clock,
    log: silentLogger(),
    onStream: (stream) => void incoming.push(stream),
  });
  tunnel.start();
  const syn = (id: number) => transport.receive(encodeHeader(FrameType.WindowUpdate, Flag.Syn, id, 0));
  const data = (id: number, bytes: Buffer) =>
    transport.receive(Buffer.concat([encodeHeader(FrameType.Data, 0, id, bytes.length), bytes]));
  const resets = () => {
    const sent = Buffer.concat(transport.sent).toString('hex');
    return (
      sent.split(encodeHeader(FrameType.WindowUpdate, Flag.Rst, 0, 0).toString('hex').slice(0, 8)).length - 1
    );
  };
  return { clock, transport, tunnel, incoming, syn, data, resets };
}

const REQUEST = encodePreface({ v: 1, kind: 'ssh' });

describe('a stream of the peer', () => {
  test('is refused when its preface is not whole in time, and cut when the refusal is not taken', async () => {
    const peer = serve();
    peer.syn(1);
    peer.data(1, REQUEST.subarray(0, 10));
    peer.clock.advance(PREFACE_TIMEOUT_MS - 1);
    await turn();
    expect(Buffer.concat(peer.transport.sent).toString()).not.toContain('preface.timeout');
    peer.clock.advance(1);
    await turn();
    expect(Buffer.concat(peer.transport.sent).toString()).toContain('preface.timeout');
    expect(peer.tunnel.openStreams).toBe(1);
    peer.clock.advance(REFUSAL_LINGER_MS);
    expect(peer.tunnel.openStreams).toBe(0);
  });

  test('is refused when nobody answers it in time', async () => {
    const peer = serve();
    peer.syn(1);
    peer.data(1, REQUEST);
    await turn();
    peer.clock.advance(10_000);
    peer.syn(3);
    peer.clock.advance(REPLY_TIMEOUT_MS - 10_000);
    await turn();
    expect(peer.incoming).toHaveLength(1);
    expect(Buffer.concat(peer.transport.sent).toString()).toContain('tunnel.timeout');
    expect(() => peer.incoming[0]?.accept()).toThrow('has its answer already');
  });

  test('is refused with the reason when its preface is none', async () => {
    for (const [bytes, code] of [
      [Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'preface.malformed'],
      [Buffer.from('\0\0\0\0'), 'preface.malformed'],
      [Buffer.from('\0\0\0\x02{}'), 'preface.version'],
    ] as const) {
      const peer = serve();
      peer.syn(1);
      peer.data(1, bytes);
      await turn();
      expect(Buffer.concat(peer.transport.sent).toString()).toContain(code);
      expect(peer.incoming).toEqual([]);
    }
  });

  test('is reset when as many wait for an answer as may; an answer makes room', async () => {
    const peer = serve();
    for (let i = 0; i < MAX_ACCEPT_BACKLOG; i += 1) peer.syn(2 * i + 1);
    await turn();
    expect(peer.resets()).toBe(0);
    peer.syn(2 * MAX_ACCEPT_BACKLOG + 1);
    await turn();
    expect(peer.resets()).toBe(1);
    peer.data(1, REQUEST);
    await turn();
    peer.incoming[0]?.accept();
    peer.syn(2 * MAX_ACCEPT_BACKLOG + 3);
    await turn();
    expect(peer.resets()).toBe(1);
    expect(peer.tunnel.openStreams).toBe(MAX_ACCEPT_BACKLOG + 1);
  });

  test('is handed over once, whatever comes behind its preface in the same frame', async () => {
    const peer = serve();
    peer.syn(1);
    peer.data(1, Buffer.concat([REQUEST, Buffer.from('and more')]));
    await turn();
    expect(peer.incoming).toHaveLength(1);
    expect(String(peer.incoming[0]?.accept().read())).toBe('and more');
  });
});
