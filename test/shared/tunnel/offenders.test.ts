import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../shared/clock.ts';
import { signDialToken } from '../../../shared/identity/dial-token.ts';
import { silentLogger } from '../../../shared/log.ts';
import {
  IDLE_FRAME_BURST,
  MAX_FRAME_PAYLOAD_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_PIECES,
  PING_BURST,
  SYN_BURST,
  TUNNEL_SUBPROTOCOL,
} from '../../../shared/tunnel/limits.ts';
import { encodeHeader, Flag, FrameType } from '../../../shared/tunnel/yamux/frame.ts';
import { heldBytes } from '../../support/heap.ts';
import { acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

const { Data, WindowUpdate, Ping, GoAway } = FrameType;
const MIB = 1024 * 1024;

/** One message with so many frames. */
const many = (count: number, frame: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => frame(i)));

const syn = (id: number) => encodeHeader(WindowUpdate, Flag.Syn, id, 0);

const offences: readonly [string, readonly Buffer[], number, string][] = [
  [
    'another version of yamux',
    [Buffer.from('01000000000000000000000a', 'hex')],
    1002,
    'unknown yamux version',
  ],
  ['an unknown type', [Buffer.from('000700000000000000000000', 'hex')], 1002, 'unknown frame type'],
  [
    'a frame over the limit',
    [syn(1), encodeHeader(Data, 0, 1, MAX_FRAME_PAYLOAD_BYTES + 1)],
    1002,
    'frame of',
  ],
  ['a message over the limit', [Buffer.alloc(MAX_MESSAGE_BYTES + 1)], 1009, 'Max payload size exceeded'],
  ['a stream number of the other parity', [syn(2)], 1002, 'wrong parity'],
  [
    'a flood of pings',
    [many(PING_BURST + 32, (i) => encodeHeader(Ping, Flag.Syn, 0, i))],
    1002,
    'too many pings',
  ],
  [
    'a flood of empty frames',
    [syn(1), many(IDLE_FRAME_BURST + 8_192, () => encodeHeader(Data, 0, 1, 0))],
    1002,
    'without content',
  ],
  [
    'a flood of tiny credit',
    [syn(1), many(IDLE_FRAME_BURST + 8_192, () => encodeHeader(WindowUpdate, 0, 1, 1))],
    1002,
    'without content',
  ],
  ['a flood of new streams', [many(SYN_BURST + 4_096, (i) => syn(2 * i + 1))], 1002, 'too many new streams'],
];

describe('a peer that breaks the rules', () => {
  test.each(offences)(
    'with %s is told so and closed, with one line in the log, and nobody else notices',
    async (_, messages, closeCode, fault) => {
      const who = await acquaint();
      const lines: { problem?: string }[] = [];
      const log = silentLogger();
      log.warn = (fields: unknown) => {
        lines.push(fields as { problem?: string });
      };
      const meeting = await meet(who, { log });
      const honest = uplinkTo(who, meeting.port);
      honest.start();
      const tunnel = await waitFor(() => honest.pick());
      const { stream, reply } = tunnel.open({ v: 1, kind: 'echo' });
      await reply;

      const { token } = await signDialToken(who.bastion, who.proxy.id, systemClock);
      const ws = new WebSocket(`wss://127.0.0.1:${meeting.port}/tunnel`, [TUNNEL_SUBPROTOCOL], {
        headers: { authorization: `Bearer ${token}` },
        rejectUnauthorized: false,
      });
      ws.on('error', () => {});
      onTestFinished(() => ws.terminate());
      const heard: Buffer[] = [];
      ws.on('message', (data: Buffer) => heard.push(data));
      await once(ws, 'open');
      await waitFor(() => meeting.acceptor.tunnels.size === 2);
      for (const message of messages) ws.send(message);
      const [code] = (await once(ws, 'close')) as [number];

      expect(code).toBe(closeCode);
      if (closeCode === 1002) {
        expect(heard.at(-1)?.subarray(-12)).toEqual(encodeHeader(GoAway, 0, 0, 1));
      }
      await waitFor(() => meeting.acceptor.tunnels.size === 1);
      expect(lines).toHaveLength(1);
      expect(lines[0]?.problem).toContain(fault);
      const answer = once(stream, 'data');
      stream.write('k');
      await answer;
    },
  );

  test.each(['fragments', 'TLS records'] as const)(
    'with a message in too many %s of a byte each is closed before they fill the memory',
    async (kind) => {
      const who = await acquaint();
      const problems: (string | undefined)[] = [];
      const log = silentLogger();
      log.warn = (fields: unknown) => void problems.push((fields as { problem?: string }).problem);
      const meeting = await meet(who, { log });
      const { token } = await signDialToken(who.bastion, who.proxy.id, systemClock);
      const socket = tls.connect({ port: meeting.port, host: '127.0.0.1', rejectUnauthorized: false });
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      const key = randomBytes(16).toString('base64');
      socket.write(
        [
          'GET /tunnel HTTP/1.1',
          'Host: proxy',
          'Upgrade: websocket',
          'Connection: Upgrade',
          `Authorization: Bearer ${token}`,
          `Sec-WebSocket-Protocol: ${TUNNEL_SUBPROTOCOL}`,
          'Sec-WebSocket-Version: 13',
          `Sec-WebSocket-Key: ${key}`,
          '\r\n',
        ].join('\r\n'),
      );
      await waitFor(() => meeting.acceptor.tunnels.size === 1);
      const closed = once(socket, 'close');
      socket.resume();
      const write = (bytes: Buffer) => new Promise((resolve) => socket.write(bytes, resolve));
      // RFC 6455, 5.2: a binary message, masked with zeros.
      if (kind === 'fragments') {
        const fragment = (opcode: number) => Buffer.from([opcode, 0x81, 0, 0, 0, 0, 0x2a]);
        await write(fragment(0x02));
        await write(many(MAX_MESSAGE_PIECES, () => fragment(0x00)));
      } else {
        const header = Buffer.alloc(14).fill(0x82, 0, 1).fill(0xff, 1, 2);
        header.writeUInt32BE(MAX_MESSAGE_BYTES, 6);
        await write(header);
        for (let i = 0; i <= MAX_MESSAGE_PIECES && !socket.destroyed; i += 1) await write(Buffer.of(0));
      }
      await closed;
      await waitFor(() => meeting.acceptor.tunnels.size === 0);
      expect(problems).toEqual([expect.stringContaining('Too many')]);
    },
  );

  test('again and again leaves no memory behind', async () => {
    const who = await acquaint();
    const meeting = await meet(who);
    const offend = async () => {
      const { token } = await signDialToken(who.bastion, who.proxy.id, systemClock);
      const ws = new WebSocket(`wss://127.0.0.1:${meeting.port}/tunnel`, [TUNNEL_SUBPROTOCOL], {
        headers: { authorization: `Bearer ${token}` },
        rejectUnauthorized: false,
      });
      ws.on('error', () => {});
      await once(ws, 'open');
      ws.send(Buffer.concat([syn(1), encodeHeader(Data, 0, 1, 200_000), Buffer.alloc(200_000)]));
      ws.send(many(PING_BURST + 32, (i) => encodeHeader(Ping, Flag.Syn, 0, i)));
      await once(ws, 'close');
    };
    for (let i = 0; i < 10; i += 1) await offend();
    const before = heldBytes();
    for (let i = 0; i < 100; i += 1) await offend();
    await waitFor(() => heldBytes() - before < 4 * MIB, { periodMs: 100 });
  });
});
