import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { INITIAL_WINDOW_BYTES, SEND_BUFFER_BYTES } from '../../../shared/tunnel/limits.ts';
import type { TunnelStream } from '../../../shared/tunnel/tunnel.ts';
import { heldBytes } from '../../support/heap.ts';
import { connectedTunnels } from '../../support/tunnel-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

const STREAMS = 200;
const PIECE_BYTES = 64 * 1024;
const MIB = 1024 * 1024;

/** Writes as fast as it may, for ever; `written` is what it was allowed to. */
function flood(stream: TunnelStream): { readonly written: number } {
  const count = { written: 0 };
  const write = () => {
    while (!stream.destroyed) {
      count.written += PIECE_BYTES;
      // Each piece is its own, as it would be from a socket.
      if (!stream.write(Buffer.alloc(PIECE_BYTES, count.written / PIECE_BYTES))) {
        stream.once('drain', write);
        return;
      }
    }
  };
  write();
  return count;
}

test('200 streams that nobody reads stop their writers at the window, cost no more than that, and give it back', async () => {
  const received: TunnelStream[] = [];
  const pair = await connectedTunnels({
    onAcceptorStream: (incoming) => {
      const stream = incoming.accept();
      if (incoming.request.kind === 'echo') stream.pipe(stream);
      else received.push(stream);
    },
  });
  onTestFinished(() => pair.close());
  const echo = pair.dialler.open({ v: 1, kind: 'echo' });
  await echo.reply;
  const before = heldBytes();

  const sent: TunnelStream[] = [];
  for (let i = 0; i < STREAMS; i += 1) {
    const { stream, reply } = pair.dialler.open({ v: 1, kind: 'stall' });
    await reply;
    sent.push(stream);
  }
  const floods = sent.map(flood);
  const total = () => floods.reduce((sum, { written }) => sum + written, 0);
  await waitFor(() =>
    received.every((stream) => stream.readableLength >= INITIAL_WINDOW_BYTES - PIECE_BYTES),
  );
  const stoppedAt = total();
  await sleep(300);
  expect(total()).toBe(stoppedAt);

  const windowBytes = INITIAL_WINDOW_BYTES;
  const perWriter = SEND_BUFFER_BYTES + PIECE_BYTES;
  for (const stream of received) expect(stream.readableLength).toBeLessThanOrEqual(windowBytes);
  for (const { written } of floods) expect(written).toBeLessThanOrEqual(windowBytes + perWriter);
  const held = heldBytes() - before;
  // Both ends live in this process; what is on its way between them is little.
  expect(held).toBeLessThan(STREAMS * (windowBytes + perWriter) + 8 * MIB);

  const answer = new Promise((resolve) => echo.stream.once('data', resolve));
  echo.stream.write('k');
  await answer;

  const [first] = received;
  first?.resume();
  await waitFor(() => (floods[0]?.written ?? 0) > 4 * windowBytes);
  for (const stream of sent) stream.destroy();
  await waitFor(() => pair.acceptor.openStreams === 1);
  received.length = 0;
  sent.length = 0;
  floods.length = 0;
  await waitFor(() => heldBytes() - before < 4 * MIB, { periodMs: 100 });
}, 40_000);
