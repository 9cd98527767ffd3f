import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MAX_EARLY_BYTES } from '../../../shared/tunnel/limits.ts';
import type { TunnelClosed } from '../../../shared/tunnel/tunnel.ts';
import {
  decodeCloseReason,
  encodeCloseReason,
  WebSocketTransport,
} from '../../../shared/tunnel/websocket-transport.ts';
import { connectedWebSockets } from '../../support/tunnel-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

async function transportAndPeer() {
  const { client, server, close } = await connectedWebSockets();
  onTestFinished(close);
  return { transport: new WebSocketTransport(server), peer: client };
}

function listen(transport: WebSocketTransport) {
  const messages: Buffer[] = [];
  const ends: TunnelClosed[] = [];
  transport.start({
    onMessage: (bytes) => messages.push(bytes),
    onDrain: () => {},
    onClose: (reason) => ends.push(reason),
  });
  return { messages, ends };
}

describe('a close reason', () => {
  test('says why at the other end', () => {
    const reason = { code: 'access.off', message: 'Remote access to acme is off.' };
    expect(decodeCloseReason(encodeCloseReason(reason))).toEqual(reason);
  });

  test('fits into a close frame and is cut between characters, whatever the sentence', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 20, maxLength: 300 }), (message) => {
        const text = encodeCloseReason({ code: 'a.b', message });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(123);
        expect(Buffer.from(text).toString()).toBe(text);
      }),
    );
    const faces = '\u{1f600}'.repeat(60);
    expect(encodeCloseReason({ code: 'a.b', message: faces })).toBe(`a.b ${'\u{1f600}'.repeat(29)}`);
    expect(encodeCloseReason({ code: 'a.bc', message: faces })).toBe(`a.bc ${'\u{1f600}'.repeat(29)}`);
  });

  test('of any text at all is a code and a sentence without control characters', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { code, message } = decodeCloseReason(text);
        expect(code).toMatch(/^[a-z][a-z0-9_.]*$/);
        expect(message).not.toMatch(/^$|\p{Cc}/u);
      }),
    );
  });
});

describe('a WebSocket transport', () => {
  test('keeps what comes before it is started, and hands it over in order', async () => {
    const { transport, peer } = await transportAndPeer();
    peer.send(Buffer.from('one'));
    peer.send(Buffer.from('two'));
    await new Promise((resolve) => peer.ping(undefined, undefined, resolve));
    const { messages } = listen(transport);
    peer.send(Buffer.from('three'));
    await waitFor(() => messages.length === 3);
    expect(messages.map(String)).toEqual(['one', 'two', 'three']);
  });

  test('keeps so much and not more', async () => {
    const { transport, peer } = await transportAndPeer();
    peer.send(Buffer.alloc(MAX_EARLY_BYTES));
    peer.send(Buffer.alloc(1));
    await transport.closed;
    const { messages, ends } = listen(transport);
    expect(messages).toEqual([]);
    expect(ends).toHaveLength(1);
  });

  test('counts as parked what the network has not taken', async () => {
    const { transport } = await transportAndPeer();
    listen(transport);
    transport.send([Buffer.alloc(1000), Buffer.alloc(24)], 1024);
    expect(transport.parkedBytes).toBe(1024);
    await waitFor(() => transport.parkedBytes === 0);
  });

  test('says that the connection was lost when it was', async () => {
    const { transport, peer } = await transportAndPeer();
    const { ends } = listen(transport);
    peer.terminate();
    await waitFor(() => ends.length === 1);
    expect(ends[0]).toMatchObject({ code: 'tunnel.lost' });
  });

  test('closes by force when the other end does not answer its close', async () => {
    const { transport, peer } = await transportAndPeer();
    listen(transport);
    peer.pause();
    transport.close({ code: 'access.off', message: 'Remote access is off.' }, false);
    await transport.closed;
  });
});
