import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { rawWebSocketStream } from '../../../shared/tunnel/raw-websocket.ts';
import { connectedWebSockets } from '../../support/tunnel-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

async function pair() {
  const { client, server, close } = await connectedWebSockets();
  onTestFinished(close);
  return { client, server, near: rawWebSocketStream(client), far: rawWebSocketStream(server) };
}

async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

describe('a stream over a raw WebSocket', () => {
  test('carries bytes both ways without a difference', async () => {
    const { near, far } = await pair();
    const sent = randomBytes(8 * 1024 * 1024);
    const hash = createHash('sha256');
    far.on('data', (chunk: Buffer) => far.write(chunk) || far.pause());
    far.on('drain', () => far.resume());
    let received = 0;
    near.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      received += chunk.length;
    });
    near.write(sent);
    await waitFor(() => received === sent.length);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
  });

  test('delivers all that was written before its end, then ends the other side', async () => {
    const { near, far } = await pair();
    near.resume();
    near.end(Buffer.alloc(3 * 1024 * 1024, 1));
    expect((await readAll(far)).length).toBe(3 * 1024 * 1024);
    await waitFor(() => near.destroyed && far.destroyed);
  });

  test('says why it is cut, in as much as fits a close, and passes nothing more', async () => {
    const { near, far } = await pair();
    far.on('data', () => undefined);
    near.on('data', () => expect.fail('something came after the cut'));
    near.cut(`Your account has been disabled.\u001b[2J ${'ü'.repeat(100)}`);
    far.write('too late');
    await waitFor(() => near.destroyed && far.destroyed);
    expect(far.errored).toMatchObject({ code: 'websocket.cut' });
    expect(String(far.errored?.message)).toMatch(/^Your account has been disabled\. ?\[2J ü{30,}$/);
  });

  test('stops its writer when nobody reads', async () => {
    const { near, far } = await pair();
    let written = 0;
    const piece = Buffer.alloc(64 * 1024);
    const write = () => {
      while (written < 256 * 1024 * 1024) {
        written += piece.length;
        if (!near.write(piece)) {
          near.once('drain', write);
          return;
        }
      }
    };
    write();
    let before = -1;
    await waitFor(
      () => {
        const stands = before === written;
        before = written;
        return stands;
      },
      { periodMs: 200 },
    );
    expect(written).toBeLessThan(64 * 1024 * 1024);
    expect(far.readableLength).toBeLessThan(1024 * 1024);
  });

  test('is destroyed at both ends when one is', async () => {
    const { near, far } = await pair();
    near.destroy();
    far.resume();
    await waitFor(() => far.destroyed);
  });

  test('is destroyed with a code when the connection is lost, and when text comes', async () => {
    const lost = await pair();
    lost.client.terminate();
    await waitFor(() => lost.far.destroyed);
    expect(lost.far.errored).toMatchObject({ code: 'websocket.lost' });
    const text = await pair();
    text.client.send('hello');
    await waitFor(() => text.far.destroyed);
    expect(text.far.errored).toMatchObject({ code: 'websocket.text' });
  });
});
