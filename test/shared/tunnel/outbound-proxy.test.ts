import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress, type EgressConfig } from '../../../shared/egress/egress.ts';
import { fetchJson } from '../../../shared/egress/fetch-json.ts';
import { dialTransport } from '../../../shared/tunnel/dial.ts';
import { type ProxyBehaviour, startConnectProxy } from '../../support/connect-proxy.ts';
import { freePort } from '../../support/free-port.ts';
import { startTinyproxy } from '../../support/tinyproxy.ts';
import { type Acquaintances, acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

const egressOf = (who: Acquaintances, config: EgressConfig, env: NodeJS.ProcessEnv = {}) =>
  createEgress(config, { env, extraCa: [who.certificate.ca] });

/** The tunnel of agents and bastions, and the requests of all roles and the command. */
const ways = {
  'the tunnel': async (who: Acquaintances, port: number, config: EgressConfig) => {
    const transport = await dialTransport({
      url: `https://127.0.0.1:${port}`,
      identity: who.bastion,
      peer: { id: who.proxy.id, publicJwk: who.proxy.publicJwk },
      egress: egressOf(who, config),
      clock: systemClock,
      signal: new AbortController().signal,
    });
    transport.close({ code: 'test.closed', message: 'The test is over.' }, false);
    await transport.closed;
  },
  'a request': async (who: Acquaintances, port: number, config: EgressConfig) => {
    const url = new URL(`https://127.0.0.1:${port}/api`);
    await fetchJson(egressOf(who, config), url, { timeoutMs: 20_000 });
  },
};
const wayNames = Object.keys(ways) as (keyof typeof ways)[];

describe('a real tinyproxy with a name and a password', () => {
  async function behindTinyproxy() {
    const who = await acquaint();
    const meeting = await meet(who);
    meeting.server.on('request', (_request, response) => response.end('{}'));
    const port = await startTinyproxy({ username: 'bridge', password: 's3cret', targets: [meeting.port] });
    return { who, meeting, port };
  }

  test('carries the tunnel and the requests, with credentials of the config or of the environment', async () => {
    const { who, meeting, port } = await behindTinyproxy();
    const proxy = `http://bridge:s3cret@127.0.0.1:${port}`;
    for (const name of wayNames) await ways[name](who, meeting.port, { proxy });
    const uplink = uplinkTo(who, meeting.port, { egress: egressOf(who, {}, { https_proxy: proxy }) });
    uplink.start();
    await waitFor(() => uplink.pick());
  });

  test.each(wayNames)('tells the user of %s that the password is wrong', async (name) => {
    const { who, meeting, port } = await behindTinyproxy();
    for (const credentials of ['bridge:wrong@', '']) {
      const dial = ways[name](who, meeting.port, { proxy: `http://${credentials}127.0.0.1:${port}` });
      await expect(dial).rejects.toMatchObject({ code: 'egress.proxy_auth' });
      await expect(dial).rejects.not.toThrow('wrong');
    }
  });

  test('is not asked again and again with the wrong password', async () => {
    const { who, meeting } = await behindTinyproxy();
    const proxy = await startConnectProxy({ kind: 'relay', credentials: 'a:b' });
    const uplink = uplinkTo(who, meeting.port, {
      egress: egressOf(who, { proxy: `http://a:x@127.0.0.1:${proxy.port}` }),
    });
    uplink.start();
    await waitFor(() => uplink.status[0]?.problem?.includes('user name and password'));
    const endMs = performance.now() + 3_000;
    await waitFor(() => performance.now() > endMs);
    // A dial and a probe per try, and the tries fall further and further apart.
    expect(proxy.targets.length).toBeLessThan(16);
  });

  test('says which address it does not allow', async () => {
    const { who, port } = await behindTinyproxy();
    const forbidden = await freePort();
    const dial = ways['the tunnel'](who, forbidden, { proxy: `http://bridge:s3cret@127.0.0.1:${port}` });
    await expect(dial).rejects.toMatchObject({ code: 'egress.proxy_refused' });
  });

  test('brings the tunnel back within a second of the far end, which it reports as unreachable till then', async () => {
    const { who, meeting, port } = await behindTinyproxy();
    const uplink = uplinkTo(who, meeting.port, {
      egress: egressOf(who, { proxy: `http://bridge:s3cret@127.0.0.1:${port}` }),
    });
    uplink.start();
    await waitFor(() => uplink.pick());
    await meeting.close();
    await waitFor(() => uplink.status[0]?.problem?.includes('cannot reach'));
    await meet(who, { port: meeting.port });
    const startMs = performance.now();
    await waitFor(() => uplink.pick());
    expect(performance.now() - startMs).toBeLessThan(2_500);
  });
});

describe('an outbound proxy that fails has its own plain sentence for each failure', () => {
  const cases: readonly [string, ProxyBehaviour, string][] = [
    ['answers 407', { kind: 'answer', status: 407 }, 'egress.proxy_auth'],
    ['answers 502', { kind: 'answer', status: 502 }, 'egress.proxy_unreachable'],
    ['answers 403', { kind: 'answer', status: 403 }, 'egress.proxy_refused'],
    ['closes before it answers', { kind: 'close' }, 'egress.proxy_closed'],
    ['closes in the middle of the handshake', { kind: 'close_after_connect' }, 'egress.closed'],
  ];
  for (const [what, behaviour, code] of cases) {
    test.each(wayNames)(`${what}: %s`, async (name) => {
      const who = await acquaint();
      const meeting = await meet(who);
      const proxy = await startConnectProxy(behaviour);
      const dial = ways[name](who, meeting.port, { proxy: `http://127.0.0.1:${proxy.port}` });
      await expect(dial).rejects.toMatchObject({ code });
      await expect(dial).rejects.toThrow(/\.$/);
    });
  }
});
