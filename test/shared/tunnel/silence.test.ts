import { expect, test } from 'vitest';
import { SILENCE_TIMEOUT_MS } from '../../../shared/tunnel/limits.ts';
import { startTcpRelay } from '../../support/tcp-relay.ts';
import { acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

test('both ends know within the 25 s of the protocol that the path between them has fallen silent', async () => {
  const who = await acquaint();
  const meeting = await meet(who);
  const relay = await startTcpRelay(meeting.port);
  const uplink = uplinkTo(who, relay.port);
  uplink.start();
  const theirs = await waitFor(() => [...meeting.acceptor.tunnels][0]);
  const ours = await waitFor(() => uplink.pick());
  relay.mute();
  const startMs = performance.now();
  await waitFor(() => ours.signal.aborted && theirs.signal.aborted, {
    timeoutMs: SILENCE_TIMEOUT_MS + 2_000,
  });
  expect(performance.now() - startMs).toBeLessThan(SILENCE_TIMEOUT_MS + 500);
  expect(ours.signal.reason).toMatchObject({ code: 'tunnel.silent' });
}, 40_000);
