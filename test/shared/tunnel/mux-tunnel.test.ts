import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { INITIAL_WINDOW_BYTES, SEND_BUFFER_BYTES } from '../../../shared/tunnel/limits.ts';
import type { IncomingStream, StreamHandler } from '../../../shared/tunnel/tunnel.ts';
import { connectedTunnels, type TunnelPairOptions } from '../../support/tunnel-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

const echo: StreamHandler = (incoming) => {
  const stream = incoming.accept();
  stream.pipe(stream);
};

async function pair(options: TunnelPairOptions = {}) {
  const tunnels = await connectedTunnels(options);
  onTestFinished(tunnels.close);
  return tunnels;
}

/** Not `for await`, which destroys a Duplex when its readable side has ended. */
async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('opening a stream', () => {
  test('carries the request there and the reply back, with their fields', async () => {
    const requests: unknown[] = [];
    const { dialler } = await pair({
      onAcceptorStream: (incoming) => {
        requests.push(incoming.request);
        incoming.accept({ greeting: 'hello' });
      },
    });
    const { reply } = dialler.open({ v: 1, kind: 'ssh', host: 'web-1' });
    expect(await reply).toEqual({ ok: true, greeting: 'hello' });
    expect(requests).toEqual([{ v: 1, kind: 'ssh', host: 'web-1' }]);
  });

  test('works from the accepting side as well', async () => {
    const { acceptor } = await pair({ onDiallerStream: echo });
    const { stream, reply } = acceptor.open({ v: 1, kind: 'ssh' });
    await reply;
    stream.end('over there');
    expect((await readAll(stream)).toString()).toBe('over there');
  });

  test('delivers what was written behind the request before the reply', async () => {
    const { dialler } = await pair({ onAcceptorStream: echo });
    const { stream } = dialler.open({ v: 1, kind: 'ssh' });
    stream.end('early words');
    expect((await readAll(stream)).toString()).toBe('early words');
  });

  test('rejects the reply with the code, sentence and hint of a refusal', async () => {
    const { dialler, acceptor } = await pair({
      onAcceptorStream: (incoming) => incoming.refuse('policy.denied', 'Not today.', 'Ask for tomorrow.'),
    });
    const { stream, reply } = dialler.open({ v: 1, kind: 'ssh' });
    await expect(reply).rejects.toMatchObject({
      code: 'policy.denied',
      message: 'Not today.',
      hint: 'Ask for tomorrow.',
    });
    await waitFor(() => stream.destroyed && acceptor.openStreams === 0);
  });

  test('takes control characters out of a refusal, which may end up on a terminal', async () => {
    const { dialler } = await pair({
      onAcceptorStream: (incoming) => incoming.refuse('policy.denied', 'No\u001b[2J\r\nfake: line'),
    });
    await expect(dialler.open({ v: 1, kind: 'ssh' }).reply).rejects.toMatchObject({
      message: 'No [2J  fake: line',
    });
  });

  test('resets the stream when the handler rejects, and goes on', async () => {
    let calls = 0;
    const { dialler } = await pair({
      onAcceptorStream: async (incoming) => {
        calls += 1;
        if (calls === 1) throw new Error('a fault of ours');
        incoming.accept();
      },
    });
    await expect(dialler.open({ v: 1, kind: 'ssh' }).reply).rejects.toMatchObject({ code: 'tunnel.closed' });
    await dialler.open({ v: 1, kind: 'ssh' }).reply;
  });

  test('can be given up by a signal', async () => {
    const held: IncomingStream[] = [];
    const { dialler } = await pair({ onAcceptorStream: (incoming) => void held.push(incoming) });
    const abort = new AbortController();
    const { reply } = dialler.open({ v: 1, kind: 'ssh' }, { signal: abort.signal });
    await waitFor(() => held.length === 1);
    abort.abort();
    await expect(reply).rejects.toMatchObject({ code: 'tunnel.closed' });
    await waitFor(() => held[0]?.signal.aborted);
    expect(() => held[0]?.accept()).toThrow('The stream is gone.');
  });
});

describe('a stream', () => {
  test('carries 20 MiB both ways without a difference', async () => {
    const { dialler } = await pair({ onAcceptorStream: echo });
    const sent = randomBytes(20 * 1024 * 1024);
    const { stream } = dialler.open({ v: 1, kind: 'ssh' });
    stream.end(sent);
    expect(sha256(await readAll(stream))).toBe(sha256(sent));
  });

  test('is half-closed by end: the other direction goes on', async () => {
    const { dialler } = await pair({
      onAcceptorStream: async (incoming) => {
        const stream = incoming.accept();
        const question = await readAll(stream);
        stream.end(`answer to ${question.toString()}`);
      },
    });
    const { stream } = dialler.open({ v: 1, kind: 'ssh' });
    stream.end('question');
    expect((await readAll(stream)).toString()).toBe('answer to question');
    await waitFor(() => dialler.openStreams === 0);
  });

  test('stops its writer when nobody reads, and lets it go on when somebody does', async () => {
    let far: Duplex | undefined;
    const { dialler } = await pair({
      onAcceptorStream: (incoming) => {
        far = incoming.accept();
      },
    });
    const { stream, reply } = dialler.open({ v: 1, kind: 'ssh' });
    await reply;
    const total = 3 * 1024 * 1024;
    const piece = Buffer.alloc(16 * 1024, 7);
    let written = 0;
    const write = () => {
      while (written < total) {
        written += piece.length;
        if (!stream.write(piece)) {
          stream.once('drain', write);
          return;
        }
      }
      stream.end();
    };
    write();
    await waitFor(() => (far?.readableLength ?? 0) >= INITIAL_WINDOW_BYTES - 1024);
    expect(written).toBeLessThanOrEqual(INITIAL_WINDOW_BYTES + 2 * SEND_BUFFER_BYTES);
    if (far === undefined) throw new Error('no stream');
    expect((await readAll(far)).length).toBe(total);
  });

  test('that is destroyed tells the other end with a reset, and harms no other stream', async () => {
    const accepted: Duplex[] = [];
    const { dialler } = await pair({
      onAcceptorStream: (incoming) => {
        const stream = incoming.accept();
        accepted.push(stream);
        stream.pipe(stream);
      },
    });
    const first = dialler.open({ v: 1, kind: 'ssh' });
    const second = dialler.open({ v: 1, kind: 'ssh' });
    await Promise.all([first.reply, second.reply]);
    first.stream.destroy();
    await waitFor(() => accepted[0]?.destroyed);
    expect(accepted[0]?.errored).toMatchObject({ code: 'tunnel.reset' });
    second.stream.end('still here');
    expect((await readAll(second.stream)).toString()).toBe('still here');
  });
});

describe('the end of a tunnel', () => {
  test('destroys every stream at both ends and says why', async () => {
    const { dialler, acceptor } = await pair({ onAcceptorStream: echo });
    const { stream, reply } = dialler.open({ v: 1, kind: 'ssh' });
    await reply;
    const ended = once(acceptor.signal, 'abort');
    dialler.close('gate.off', 'Remote access was turned off.');
    expect(stream.destroyed).toBe(true);
    await ended;
    expect(acceptor.signal.reason).toEqual({ code: 'gate.off', message: 'Remote access was turned off.' });
    expect(acceptor.openStreams).toBe(0);
    expect(() => acceptor.open({ v: 1, kind: 'ssh' })).toThrow('Remote access was turned off.');
  });

  test('rejects replies that are waited for', async () => {
    const { dialler, acceptor } = await pair({ onAcceptorStream: () => {} });
    const { reply } = dialler.open({ v: 1, kind: 'ssh' });
    await waitFor(() => acceptor.openStreams === 1);
    acceptor.close('proxy.stopped', 'The proxy was stopped.');
    await expect(reply).rejects.toMatchObject({ code: 'tunnel.closed', message: 'The proxy was stopped.' });
  });
});

describe('draining', () => {
  test('lets open streams end, refuses new ones on both sides, and then resolves', async () => {
    const { dialler, acceptor } = await pair({ onAcceptorStream: echo, onDiallerStream: echo });
    const { stream, reply } = dialler.open({ v: 1, kind: 'ssh' });
    await reply;
    let drained = false;
    const draining = acceptor.drain(60_000).then(() => {
      drained = true;
    });
    await waitFor(() => dialler.draining);
    expect(() => dialler.open({ v: 1, kind: 'ssh' })).toThrow('takes no new streams');
    expect(() => acceptor.open({ v: 1, kind: 'ssh' })).toThrow('takes no new streams');
    expect(drained).toBe(false);
    stream.end('bye');
    expect((await readAll(stream)).toString()).toBe('bye');
    await draining;
    expect(acceptor.openStreams).toBe(0);
  });

  test('resolves after its time when a stream stays', async () => {
    const { dialler, acceptor } = await pair({ onAcceptorStream: echo });
    await dialler.open({ v: 1, kind: 'ssh' }).reply;
    await acceptor.drain(50);
    expect(acceptor.openStreams).toBe(1);
  });
});
