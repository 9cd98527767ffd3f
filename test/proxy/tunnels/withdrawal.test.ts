import { expect, onTestFinished, test } from 'vitest';
import { WITHDRAWAL_MAX_MS, withdraw } from '../../../proxy/tunnels/withdrawal.ts';
import type { PrefaceRequest, StreamHandler } from '../../../shared/tunnel/tunnel.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { connectedTunnels } from '../../support/tunnel-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

async function connectionTo(bastion: StreamHandler) {
  const tunnels = await connectedTunnels({ onDiallerStream: bastion });
  onTestFinished(() => tunnels.close());
  const tunnel = tunnels.acceptor;
  const { stream, reply } = tunnel.open({ v: 1, kind: 'ssh' });
  stream.on('error', () => undefined).resume();
  await reply;
  const clock = new FakeClock();
  let over = false;
  const begin = () =>
    withdraw({ tunnel, stream, passId: 'pass-1' }, 'Your account has been disabled.', clock).then(() => {
      over = true;
    });
  return { stream, clock, begin, isOver: () => over, tunnel };
}

test('a bastion hears which pass is taken back and why, and has ended the connection when that is over', async () => {
  const heard: PrefaceRequest[] = [];
  let end = (): void => undefined;
  const { stream, begin, isOver } = await connectionTo((incoming) => {
    const own = incoming.accept();
    own.on('error', () => undefined).resume();
    if (incoming.request.kind === 'ssh') end = () => own.destroy();
    else heard.push(incoming.request);
  });
  const withdrawn = begin();
  await waitFor(() => heard.length === 1);
  expect(heard).toMatchObject([
    { kind: 'withdrawn', pass: 'pass-1', message: 'Your account has been disabled.' },
  ]);
  // The bastion's last words to the operator are on their way.
  expect([isOver(), stream.destroyed]).toEqual([false, false]);
  end();
  await withdrawn;
  expect(stream.destroyed).toBe(true);
});

test('a bastion of an older version, or one that is gone, is not waited for', async () => {
  const { begin, stream, tunnel } = await connectionTo((incoming) => {
    if (incoming.request.kind === 'ssh') incoming.accept().on('error', () => undefined);
    else incoming.refuse('stream.unknown_kind', 'This bastion does not know what this stream is for.');
  });
  await begin();
  expect(stream.destroyed).toBe(false);
  tunnel.close('bastion.revoked', 'gone');
  await begin();
});

test('a bastion that does not answer is waited for no longer than it says', async () => {
  const { begin, clock, isOver } = await connectionTo((incoming) => {
    if (incoming.request.kind === 'ssh') incoming.accept().on('error', () => undefined);
  });
  const withdrawn = begin();
  clock.advance(WITHDRAWAL_MAX_MS - 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver()).toBe(false);
  clock.advance(1);
  await withdrawn;
  expect(clock.pendingTimers).toBe(0);
});
