import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectSsh } from '../../../shared/ssh/client-connection.ts';
import { createTestKey } from '../../support/ssh-client.ts';
import { startTestServer } from '../../support/ssh-test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const PERIOD_MS = 5;

/** A slow way from the other end of `socket`, with room for everything that waits to be carried. */
class SlowLine extends Duplex {
  /** What has left the other end and did not arrive. */
  waitingBytes = 0;
  readonly #socket: Socket;
  readonly #waiting: Buffer[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(socket: Socket, bytesPerMs: number) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#waiting.push(chunk);
      this.waitingBytes += chunk.length;
    });
    socket.on('close', () => this.destroy());
    socket.on('error', () => this.destroy());
    this.#timer = setInterval(() => {
      let roomBytes = bytesPerMs * PERIOD_MS;
      for (let next = this.#waiting[0]; next !== undefined && roomBytes > 0; next = this.#waiting[0]) {
        const piece = next.subarray(0, roomBytes);
        if (piece.length === next.length) this.#waiting.shift();
        else this.#waiting[0] = next.subarray(piece.length);
        roomBytes -= piece.length;
        this.waitingBytes -= piece.length;
        this.push(piece);
      }
    }, PERIOD_MS);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#socket.write(chunk);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
    callback(error);
  }
}

async function floodOverSlowLine(limitFlight: boolean) {
  const key = await createTestKey(temporaryDirectory());
  const server = await startTestServer(key, { limitFlight });
  onTestFinished(() => server.listener.close('The test is over.'));
  const line = new SlowLine(connect({ port: server.port, host: '127.0.0.1' }), 2_000);
  const connection = await connectSsh(line, {
    username: 'alice',
    privateKey: key.privateKey,
    verifyHostKey: () => true,
    timeoutMs: 10_000,
  });
  const flood = await connection.openSession();
  let bytes = 0;
  flood.attach({
    onData(chunk) {
      bytes += chunk.length;
      flood.consumed(chunk.length);
    },
  });
  await flood.request({ kind: 'exec', command: Buffer.from('flood 64') });
  return { line, connection, flood, arrived: () => bytes };
}

describe('towards a peer behind a slow line', () => {
  test('little waits on the way, and the line is used', async () => {
    const { line, arrived, connection } = await floodOverSlowLine(true);
    const begunMs = performance.now();
    await waitFor(() => arrived() > 2_000_000);
    expect(line.waitingBytes).toBeLessThan(700_000);
    // A second at best. Without answers it would stand still for 15.
    expect(performance.now() - begunMs).toBeLessThan(10_000);
    connection.destroy();
  });

  test('a whole receive window waits without the limit', async () => {
    const { line, arrived, connection } = await floodOverSlowLine(false);
    await waitFor(() => arrived() > 1_000_000);
    expect(line.waitingBytes).toBeGreaterThan(1_500_000);
    connection.destroy();
  });

  test('a terminal beside a flood has its answer before much of the flood', async () => {
    const { arrived, connection } = await floodOverSlowLine(true);
    await waitFor(() => arrived() > 1_000_000);
    const terminal = await connection.openSession();
    let answers = 0;
    terminal.attach({
      onData(chunk) {
        answers += chunk.length;
        terminal.consumed(chunk.length);
      },
    });
    await terminal.request({ kind: 'exec', command: Buffer.from('cat') });
    for (let key = 1; key <= 10; key += 1) {
      const before = arrived();
      terminal.write(Buffer.from('x'));
      await waitFor(() => answers === key, { periodMs: 1 });
      expect(arrived() - before).toBeLessThan(800_000);
    }
    connection.destroy();
  });

  test('all of it arrives in the end, with what was said last', async () => {
    const { arrived, flood } = await floodOverSlowLine(true);
    await waitFor(() => arrived() > 500_000);
    flood.end();
    flood.close();
    await waitFor(() => flood.signal.aborted);
    expect(arrived()).toBeGreaterThan(500_000);
  });
});
