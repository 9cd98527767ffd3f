import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SILENCE_TIMEOUT_MS } from '../../../shared/tunnel/limits.ts';
import type { Uplink } from '../../../shared/tunnel/uplink.ts';
import type { LivenessTimes } from '../../../shared/tunnel/yamux/liveness.ts';
import { freePort } from '../../support/free-port.ts';
import { startTypeScriptChild } from '../../support/inline-child.ts';
import { startTcpRelay } from '../../support/tcp-relay.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate } from '../../support/test-certificate.ts';
import { FAR_ADDRESS, makeNetwork, startFarListener, tryNetwork } from '../../support/test-network.ts';
import { type Acquaintances, acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A tenth of the protocol's times and less. */
const QUICK: LivenessTimes = { pingIntervalMs: 300, silenceTimeoutMs: 1_500 };

/** What redialling promises once the network is back, and some time for a machine that has other things to do. */
const BACK_WITHIN_MS = 1_000;
const SLACK_MS = 1_500;

const isUp = (uplink: Uplink) => uplink.status[0]?.state === 'connected';

async function untilUp(uplink: Uplink): Promise<number> {
  const startMs = performance.now();
  await waitFor(() => isUp(uplink), { what: 'a tunnel' });
  return performance.now() - startMs;
}

async function untilDown(uplink: Uplink): Promise<number> {
  const startMs = performance.now();
  await waitFor(() => !isUp(uplink), { what: 'the end of the tunnel', timeoutMs: 30_000 });
  return performance.now() - startMs;
}

async function passes(uplink: Uplink): Promise<void> {
  const { stream, reply } = uplink.pick()?.open({ v: 1, kind: 'echo' }) ?? {};
  await reply;
  const answer = once(stream ?? process, 'data') as Promise<[Buffer]>;
  stream?.write('still there?');
  expect((await answer)[0].toString()).toBe('still there?');
  stream?.destroy();
}

/** The proxy in a process of its own. */
async function startProxyProcess(who: Acquaintances, port: number) {
  const file = join(temporaryDirectory(), 'who.json');
  const { privateKey, ...proxy } = who.proxy;
  writeFileSync(
    file,
    JSON.stringify({
      proxy: { ...proxy, privateKey: privateKey.export({ format: 'jwk' }) },
      bastion: { id: who.bastion.id, publicJwk: who.bastion.publicJwk },
      certificate: who.certificate,
    }),
  );
  const child = await startTypeScriptChild(`
    import { createPrivateKey } from 'node:crypto';
    import { readFileSync } from 'node:fs';
    import { createServer } from 'node:https';
    import { systemClock } from 'project/shared/clock.ts';
    import { silentLogger } from 'project/shared/log.ts';
    import { TunnelAcceptor } from 'project/shared/tunnel/acceptor.ts';
    const { proxy, bastion, certificate } = JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'));
    const acceptor = new TunnelAcceptor({
      identity: { ...proxy, privateKey: createPrivateKey({ key: proxy.privateKey, format: 'jwk' }) },
      findPeer: async (id) => (id === bastion.id ? { id, name: 'acme', publicJwk: bastion.publicJwk } : undefined),
      onTunnel: () => {},
      onStream: (incoming) => { const stream = incoming.accept(); stream.pipe(stream); },
      onRefused: () => {},
      clock: systemClock,
      log: silentLogger(),
    });
    const server = createServer({ cert: certificate.cert, key: certificate.key });
    server.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head));
    server.listen(${port}, '127.0.0.1', () => console.log('up'));
  `);
  await once(child.stdout, 'data');
  return child;
}

describe('an uplink whose peer is a process of its own', () => {
  test('knows at once that it was killed, and is back within a second of its restart', async () => {
    const who = await acquaint();
    const port = await freePort();
    const before = await startProxyProcess(who, port);
    const uplink = uplinkTo(who, port);
    uplink.start();
    await untilUp(uplink);
    before.kill('SIGKILL');
    expect(await untilDown(uplink)).toBeLessThan(SLACK_MS);
    await waitFor(() => uplink.status[0]?.problem?.startsWith('Nothing listens at'));
    await startProxyProcess(who, port);
    expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    await passes(uplink);
  });

  test('gives it up when it is stopped, and is back when it goes on', async () => {
    const who = await acquaint();
    const port = await freePort();
    const proxy = await startProxyProcess(who, port);
    const uplink = uplinkTo(who, port, { livenessTimes: QUICK });
    uplink.start();
    await untilUp(uplink);
    proxy.kill('SIGSTOP');
    expect(await untilDown(uplink)).toBeLessThan(QUICK.silenceTimeoutMs + SLACK_MS);
    expect(uplink.status[0]?.problem).toBe('The other end was silent for 1.5 seconds.');
    proxy.kill('SIGCONT');
    expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    await passes(uplink);
  });
});

describe('an uplink over a path that fails', () => {
  test('knows at both ends within the 25 s of the protocol that the path has fallen silent', {
    timeout: 90_000,
  }, async () => {
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
      what: 'both ends to know',
      timeoutMs: 2 * SILENCE_TIMEOUT_MS,
    });
    expect(performance.now() - startMs).toBeLessThan(SILENCE_TIMEOUT_MS + SLACK_MS);
    expect(ours.signal.reason).toMatchObject({ code: 'tunnel.silent' });
  });

  test('gives up a tunnel on a path that has fallen silent, and is back when the path is', async () => {
    const who = await acquaint();
    const meeting = await meet(who);
    const relay = await startTcpRelay(meeting.port);
    const uplink = uplinkTo(who, relay.port, { livenessTimes: QUICK });
    uplink.start();
    await untilUp(uplink);
    relay.mute();
    expect(await untilDown(uplink)).toBeLessThan(QUICK.silenceTimeoutMs + SLACK_MS);
    relay.unmute();
    expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    await passes(uplink);
  });

  test('notices that only its own half of the connection is left', async () => {
    const who = await acquaint();
    const meeting = await meet(who);
    const relay = await startTcpRelay(meeting.port);
    const uplink = uplinkTo(who, relay.port, { livenessTimes: QUICK });
    uplink.start();
    await untilUp(uplink);
    await waitFor(() => meeting.acceptor.tunnels.size === 1);
    const [theirs] = meeting.acceptor.tunnels;
    relay.halfOpen();
    await waitFor(() => theirs?.signal.aborted);
    expect(isUp(uplink)).toBe(true);
    expect(await untilDown(uplink)).toBeLessThan(QUICK.silenceTimeoutMs + SLACK_MS);
    expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    await passes(uplink);
  });

  test('finds its peer at another address of the same name', async () => {
    const who = await acquaint();
    const here = await meet(who);
    const there = await meet(who);
    const relay = await startTcpRelay(here.port);
    const uplink = uplinkTo(who, relay.port, { livenessTimes: QUICK });
    uplink.start();
    await untilUp(uplink);
    relay.abandon();
    relay.target = there.port;
    expect(await untilDown(uplink)).toBeLessThan(QUICK.silenceTimeoutMs + SLACK_MS);
    expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
    expect(there.acceptor.tunnels.size).toBe(1);
    await passes(uplink);
  });

  test('waits for a peer that is shutting down, and comes to the one that takes its place', async () => {
    const who = await acquaint();
    const before = await meet(who);
    const uplink = uplinkTo(who, before.port);
    uplink.start();
    await untilUp(uplink);
    const { stream, reply } = uplink.pick()?.open({ v: 1, kind: 'echo' }) ?? {};
    await reply;
    const drained = before.acceptor.drain(60_000);
    await waitFor(() => uplink.status[0]?.problem?.includes('shutting down'));
    expect(before.acceptor.tunnels.size).toBe(1);
    stream?.end();
    stream?.resume();
    await drained;
    await before.close();
    await waitFor(() => uplink.status[0]?.problem?.startsWith('Nothing listens at'));
    await meet(who, { port: before.port });
    expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
  });
});

const trial = await tryNetwork();

describe.skipIf(!trial.works)(
  `an uplink over a network that drops packets without a word${trial.note}`,
  () => {
    test('is back within a second of the network, though the system itself would try again much later', async () => {
      const network = makeNetwork();
      onTestFinished(network.remove);
      const who = {
        ...(await acquaint()),
        certificate: await createTestCertificate('Far Authority', [FAR_ADDRESS]),
      };
      const meeting = await meet(who);
      const { port, close } = await startFarListener(network.far, meeting.port);
      onTestFinished(close);
      const uplink = uplinkTo(who, port, {
        url: `https://${FAR_ADDRESS}:${port}`,
        livenessTimes: QUICK,
      });
      uplink.start();
      await untilUp(uplink);
      network.drop();
      expect(await untilDown(uplink)).toBeLessThan(QUICK.silenceTimeoutMs + SLACK_MS);
      await waitFor(() => uplink.status[0]?.problem?.includes('does not answer'));
      // By now a connection that was begun when the outage began would try again in 4 s.
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      network.pass();
      expect(await untilUp(uplink)).toBeLessThan(BACK_WITHIN_MS + SLACK_MS);
      await passes(uplink);
    });
  },
);
