import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEgress } from '../../../shared/egress/egress.ts';
import { silentLogger } from '../../../shared/log.ts';
import type { MetricsPushConfig } from '../../../shared/metrics/config.ts';
import { MetricsPush } from '../../../shared/metrics/push.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate } from '../../support/test-certificate.ts';
import { waitFor } from '../../support/wait-for.ts';

const EVERY_MS = 60_000;

async function destination(config: Partial<MetricsPushConfig> = {}) {
  const certificate = await createTestCertificate();
  const got: { headers: IncomingHttpHeaders; body: string }[] = [];
  let status = 200;
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    void text(request).then((body) => {
      got.push({ headers: request.headers, body });
      response.writeHead(status, { connection: 'close' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const said: string[] = [];
  const log = silentLogger();
  log.warn = (about: object) => said.push(`warn ${JSON.stringify(about)}`);
  log.info = (about: object) => said.push(`info ${JSON.stringify(about)}`);
  const clock = new FakeClock();
  const push = MetricsPush.start({
    config: {
      url: `https://localhost:${(server.address() as AddressInfo).port}/v1/metrics`,
      format: 'otlp',
      every: EVERY_MS,
      ...config,
    },
    from: { role: 'bastion', id: 'b-1', name: 'acme', version: '1.2.3', startedAtMs: 0 },
    text: async () => '# HELP a_gauge Help\n# TYPE a_gauge gauge\na_gauge 7\n',
    egress: createEgress({}, { env: {}, extraCa: [certificate.ca] }),
    clock,
    log,
  });
  onTestFinished(async () => {
    await push.stop();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const answer = (next: number) => {
    status = next;
  };
  return { got, said, clock, answer };
}

describe('pushing figures', () => {
  it('begins at once, goes on in its rhythm, and says who it is', async () => {
    const passwordFile = join(temporaryDirectory(), 'password');
    writeFileSync(passwordFile, 'open sesame'.replace(' ', '-'), { mode: 0o600 });
    const { got, clock } = await destination({ platformId: 'site-7', username: 'acme', passwordFile });
    await waitFor(() => got.length === 1);
    expect(got[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-platform-id': 'site-7',
      authorization: `Basic ${Buffer.from('acme:open-sesame').toString('base64')}`,
    });
    expect(got[0]?.body).toContain('"a_gauge"');
    await waitFor(() => {
      clock.advance(EVERY_MS);
      return got.length > 1;
    });
  });

  it("sends Prometheus' own text where that is asked for", async () => {
    const { got } = await destination({ format: 'prometheus' });
    await waitFor(() => got.length === 1);
    expect(got[0]?.headers['content-type']).toContain('text/plain');
    expect(got[0]?.body).toContain('a_gauge 7');
  });

  it('says once that it fails, and once that it works again', async () => {
    const { got, said, clock, answer } = await destination();
    answer(403);
    await waitFor(() => {
      clock.advance(EVERY_MS);
      return got.length > 3;
    });
    await waitFor(() => said.length === 1);
    expect(said[0]).toContain('does not take our credentials');
    answer(204);
    await waitFor(() => {
      clock.advance(EVERY_MS);
      return said.length === 2;
    });
    expect(said[1]).toMatch(/^info/);
  });

  it('sends nothing with a secret that others may read', async () => {
    const tokenFile = join(temporaryDirectory(), 'token');
    writeFileSync(tokenFile, 'secret');
    chmodSync(tokenFile, 0o644);
    const { got, said } = await destination({ tokenFile });
    await waitFor(() => said.length === 1);
    expect(said[0]).toContain('chmod 600');
    expect(got).toEqual([]);
  });
});
