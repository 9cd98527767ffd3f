import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { shipSection } from '../../../bastion/shipping/config.ts';
import { type Destination, senderFor } from '../../../bastion/shipping/senders.ts';
import { SHIPPING_MIGRATION, ShipCursors } from '../../../bastion/shipping/ship-cursors.ts';
import { Shipper } from '../../../bastion/shipping/shipper.ts';
import { hashEvent } from '../../../shared/audit/chain.ts';
import { openCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { systemClock } from '../../../shared/clock.ts';
import { resolvePaths } from '../../../shared/config/config-path.ts';
import { createEgress, type EgressConfig } from '../../../shared/egress/egress.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { startConnectProxy } from '../../support/connect-proxy.ts';
import { startTestBastion } from '../../support/running-bastion.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate, type TestCertificate } from '../../support/test-certificate.ts';
import { waitFor } from '../../support/wait-for.ts';

async function shippingFrom(dir: string, certificate: TestCertificate, egress: EgressConfig = {}) {
  const identity = await createNodeIdentity(dir, 'bastion', 'acme');
  const log = await AuditLog.open(dir, { identity, clock: systemClock, log: silentLogger() });
  const database = await Database.open(join(dir, 'bastion.db'), {
    migrations: [SHIPPING_MIGRATION],
    synchronous: 'FULL',
  });
  onTestFinished(async () => {
    await log.close();
    await database.close();
  });
  const parts = {
    from: { id: identity.id, name: 'acme', version: '1.0.0' },
    egress: createEgress(egress, { env: {}, extraCa: [certificate.ca] }),
    clock: systemClock,
  };
  return {
    identity,
    log,
    act: (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, n) =>
          log.append({
            type: 'exec.started',
            actor: 'operator:alice',
            operator: 'alice',
            command: `do "${n}" ]\\ ä`,
          }),
        ),
      ),
    async ship(destination: object) {
      const [parsed] = resolvePaths(
        shipSection.parse([{ name: 'there', ...destination }]),
        dir,
      ) as Destination[];
      if (parsed === undefined) throw new Error('there is no destination');
      const shipper = await Shipper.start({
        name: parsed.name,
        kind: parsed.kind,
        only: parsed.events,
        send: senderFor(parsed, parts),
        source: log,
        cursors: new ShipCursors(database),
        clock: systemClock,
        log: silentLogger(),
      });
      onTestFinished(() => shipper.stop());
      return shipper;
    },
  };
}

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A real HTTPS server that answers with the statuses given, then with 200. */
async function receiver(certificate: TestCertificate, statuses: number[] = []) {
  const posted: Posted[] = [];
  const server = createHttpsServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    void buffer(request).then((body) => {
      const status = statuses.shift() ?? 200;
      if (status === 200) posted.push({ headers: request.headers, body });
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { posted, url: `https://localhost:${(server.address() as AddressInfo).port}/in` };
}

function secret(dir: string, text: string): string {
  const path = join(dir, 'secret');
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
}

describe('shipping', () => {
  it('posts signed batches to a webhook through the outbound proxy, retries, and goes on where it was', async () => {
    const dir = temporaryDirectory();
    const certificate = await createTestCertificate();
    const proxy = await startConnectProxy({ kind: 'relay' });
    const { posted, url } = await receiver(certificate, [503]);
    const site = await shippingFrom(dir, certificate, {
      proxy: `http://127.0.0.1:${proxy.port}`,
      noProxy: '',
    });
    const destination = { kind: 'webhook', url, secretFile: secret(dir, 'whsec_c2VjcmV0') };
    await site.act(3);
    const shipper = await site.ship(destination);
    await waitFor(() => shipper.summary.state === 'failing');
    expect(shipper.summary.problem).toContain('503');
    await waitFor(() => shipper.summary.state === 'current' && shipper.summary.sent === 3);
    const [first] = posted;
    if (first === undefined) throw new Error('nothing came');
    const id = String(first.headers['webhook-id']);
    const timestamp = String(first.headers['webhook-timestamp']);
    const signature = createHmac('sha256', 'secret')
      .update(`${id}.${timestamp}.`)
      .update(first.body)
      .digest('base64');
    expect(first.headers['webhook-signature']).toBe(`v1,${signature}`);
    const { events } = JSON.parse(first.body.toString()) as { events: AuditEvent[] };
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    for (const event of events) expect(hashEvent(event)).toBe(event.hash);
    expect(proxy.targets.length).toBeGreaterThan(0);

    await shipper.stop();
    await site.act(2);
    const again = await site.ship(destination);
    await waitFor(() => again.summary.sent === 5);
    const next = JSON.parse(String(posted.at(-1)?.body)) as { events: AuditEvent[] };
    expect(next.events.map(({ seq }) => seq)).toEqual([4, 5]);
  });

  it('sends RFC 5424 messages over TLS, and sends again what a receiver has reset', async () => {
    const dir = temporaryDirectory();
    const certificate = await createTestCertificate();
    const streams: Buffer[] = [];
    let connections = 0;
    const server = createTlsServer({ cert: certificate.cert, key: certificate.key }, (socket) => {
      socket.on('error', () => undefined);
      void buffer(socket).then((bytes) => streams.push(bytes));
    });
    server.on('connection', (socket: Socket) => {
      connections += 1;
      if (connections === 1) socket.resetAndDestroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const site = await shippingFrom(dir, certificate);
    await site.act(2);
    const shipper = await site.ship({ kind: 'syslog', address: { host: 'localhost', port } });
    await waitFor(() => shipper.summary.state === 'current' && shipper.summary.sent === 2);
    const frames = framesIn(Buffer.concat(streams));
    expect(frames).toHaveLength(2);
    expect(frames[0]).toMatch(
      /^<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z acme drawbridge \d+ exec\.started \[drawbridge@32473 seq="1" type="exec\.started" actor="operator:alice"\] \uFEFF\{/,
    );
    expect((JSON.parse(frames[1]?.split('\uFEFF')[1] ?? '') as AuditEvent)['command']).toBe('do "1" ]\\ ä');
    expect(connections).toBeGreaterThan(1);
  });

  it('sends JSON lines and OTLP logs with a platform id and credentials of their own', async () => {
    const dir = temporaryDirectory();
    const certificate = await createTestCertificate();
    const { posted, url } = await receiver(certificate);
    const site = await shippingFrom(dir, certificate);
    await site.act(2);
    const passwordFile = secret(dir, 'sesame');
    const lines = await site.ship({
      kind: 'jsonl',
      url,
      platformId: 'acme-prod',
      username: 'u',
      passwordFile,
    });
    await waitFor(() => lines.summary.sent === 2);
    expect(posted[0]?.headers).toMatchObject({
      'x-platform-id': 'acme-prod',
      authorization: `Basic ${Buffer.from('u:sesame').toString('base64')}`,
    });
    expect(posted[0]?.body.toString().trim().split('\n')).toHaveLength(2);
    const otlp = await site.ship({
      name: 'otlp',
      kind: 'otlp',
      url,
      platformId: 'acme-prod',
      tokenFile: passwordFile,
    });
    await waitFor(() => otlp.summary.sent === 2);
    expect(posted[1]?.headers['authorization']).toBe('Bearer sesame');
    expect(JSON.parse(String(posted[1]?.body))).toMatchObject({
      resourceLogs: [
        {
          resource: {
            attributes: expect.arrayContaining([
              { key: 'platform.id', value: { stringValue: 'acme-prod' } },
            ]) as unknown[],
          },
          scopeLogs: [
            {
              logRecords: [
                { timeUnixNano: expect.stringMatching(/^\d{19}$/) as string, severityNumber: 9 },
                {
                  attributes: expect.arrayContaining([
                    { key: 'drawbridge.seq', value: { intValue: '2' } },
                  ]) as unknown[],
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('appends checkpoints alone to a file, as a further witness', async () => {
    const dir = temporaryDirectory();
    const site = await shippingFrom(dir, await createTestCertificate());
    await site.act(3);
    await site.log.checkpoint();
    const shipper = await site.ship({ kind: 'file', path: join(dir, 'kept.jsonl'), events: 'checkpoints' });
    await waitFor(() => shipper.summary.state === 'current');
    await site.act(1);
    await site.log.checkpoint();
    const notes = await waitFor(() => {
      const lines = readFileSync(join(dir, 'kept.jsonl'), 'utf8').trim().split('\n');
      return lines.length === 2
        ? lines.map((line) => String((JSON.parse(line) as AuditEvent)['note']))
        : undefined;
    });
    expect(notes.map((note) => openCheckpoint(note, site.identity.publicJwk).size)).toEqual([3, 5]);
    expect(statSync(join(dir, 'kept.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('refuses a secret that others may read, and an authority that it does not know', async () => {
    const dir = temporaryDirectory();
    const certificate = await createTestCertificate();
    const { url, posted } = await receiver(certificate);
    const site = await shippingFrom(dir, await createTestCertificate('Another Authority'));
    await site.act(1);
    const tokenFile = secret(dir, 'open');
    const strange = await site.ship({ kind: 'jsonl', url, tokenFile });
    await waitFor(() => strange.summary.state === 'failing');
    chmodSync(tokenFile, 0o644);
    const readable = await site.ship({ name: 'readable', kind: 'jsonl', url, tokenFile });
    await waitFor(() => readable.summary.state === 'failing');
    expect(readable.summary.problem).toContain('chmod 600');
    expect(posted).toEqual([]);
  });

  it('works while remote access is off, and the bastion says how far it is', async () => {
    const path = join(temporaryDirectory(), 'shipped.jsonl');
    const bastion = await startTestBastion({
      config: { ship: [{ name: 'disk', kind: 'file', path, events: 'all' }] },
    });
    const shipping = async () => {
      const status = (await bastion.call('status')) as unknown as {
        access: { state: string };
        evidence: { shipping: { state: string; name: string }[] };
      };
      expect(status.access.state).toBe('off');
      return status.evidence.shipping;
    };
    await waitFor(async () => (await shipping())[0]?.state === 'current');
    expect(readFileSync(path, 'utf8')).toContain('"bastion.started"');
  });
});

describe('pushing metrics', () => {
  it('works while remote access is off', async () => {
    const certificate = await createTestCertificate();
    const { url, posted } = await receiver(certificate);
    const caBundle = join(temporaryDirectory(), 'ca.pem');
    writeFileSync(caBundle, certificate.ca);
    await startTestBastion({
      config: {
        egress: { caBundle },
        metrics: { push: { url, format: 'prometheus', every: 60_000, platformId: 'site-7' } },
      },
    });
    await waitFor(() => posted.length > 0);
    const text = posted[0]?.body.toString() ?? '';
    expect(posted[0]?.headers).toMatchObject({ 'x-platform-id': 'site-7' });
    expect(text).toContain('drawbridge_access_on 0');
    expect(text).toContain('drawbridge_streams{peer="agent"} 0');
    expect(text).toContain('drawbridge_recording_unsynced_bytes 0');
  });
});

/** Messages behind their lengths (RFC 5425). */
function framesIn(bytes: Buffer): string[] {
  const frames: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, space).toString());
    frames.push(bytes.subarray(space + 1, space + 1 + length).toString());
    at = space + 1 + length;
  }
  return frames;
}
