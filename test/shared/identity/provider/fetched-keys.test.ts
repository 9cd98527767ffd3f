import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createEgress } from '../../../../shared/egress/egress.ts';
import { FetchedKeys } from '../../../../shared/identity/provider/fetched-keys.ts';
import { silentLogger } from '../../../../shared/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { SigningProvider } from '../../../support/signing-provider.ts';
import { temporaryDirectory } from '../../../support/temporary-directory.ts';
import { createTestCertificate } from '../../../support/test-certificate.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let clock: FakeClock;
let keySet: unknown;
let issuerSaid: string | undefined;
let asked: string[];
let down: boolean;
let issuer: string;
let ca: string;
let cachePath: string;

beforeEach(async () => {
  clock = new FakeClock();
  asked = [];
  down = false;
  issuerSaid = undefined;
  keySet = new SigningProvider('first').keySet;
  cachePath = join(temporaryDirectory(), 'keys.json');
  const certificate = await createTestCertificate();
  ca = certificate.ca;
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    asked.push(request.url ?? '');
    if (down) {
      response.writeHead(503).end();
      return;
    }
    const metadata = { issuer: issuerSaid ?? issuer, jwks_uri: `${issuer}/keys` };
    response.end(JSON.stringify(request.url === '/realm/keys' ? keySet : metadata));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}/realm`;
});

function open(): Promise<FetchedKeys> {
  const egress = createEgress({}, { env: {}, extraCa: [ca] });
  return FetchedKeys.open({ issuer, egress, maxAgeMs: 24 * HOUR_MS, cachePath, clock, log: silentLogger() });
}

const first = { alg: 'RS256', kid: 'first' } as const;
const second = { alg: 'RS256', kid: 'second' } as const;

describe("a provider's keys", () => {
  it('are asked for once, and kept over a restart', async () => {
    const keys = await open();
    expect(await keys.find(first)).toHaveLength(1);
    await keys.find(first);
    expect(asked).toEqual(['/realm/.well-known/openid-configuration', '/realm/keys']);
    down = true;
    expect(await (await open()).find(first)).toHaveLength(1);
  });

  it('are asked for again when a token names a new one, but not for each token that somebody makes up', async () => {
    const keys = await open();
    await keys.find(first);
    clock.advance(MINUTE_MS);
    keySet = new SigningProvider('second').keySet;
    expect(await keys.find(second)).toHaveLength(1);
    await expect(keys.find(first)).rejects.toMatchObject({ fault: 'unknown_key' });
    const before = asked.length;
    for (let tries = 0; tries < 20; tries += 1) {
      await expect(keys.find({ alg: 'RS256', kid: `made-up-${tries}` })).rejects.toMatchObject({
        fault: 'unknown_key',
      });
    }
    expect(asked.length).toBe(before);
  });

  it('count until they are too old while the provider is away, and then none does', async () => {
    const keys = await open();
    await keys.find(first);
    down = true;
    clock.advance(23 * HOUR_MS);
    expect(await keys.find(first)).toHaveLength(1);
    clock.advance(HOUR_MS);
    await expect(keys.find(first)).rejects.toMatchObject({ code: 'id_token.keys_too_old' });
    await expect((await open()).find(first)).rejects.toMatchObject({ code: 'id_token.keys_too_old' });
    down = false;
    clock.advance(MINUTE_MS);
    expect(await keys.find(first)).toHaveLength(1);
  });

  it('are refused when there never were any', async () => {
    down = true;
    await expect((await open()).find(first)).rejects.toMatchObject({ code: 'id_token.keys_unavailable' });
  });

  it('are not taken from one who describes itself as another issuer', async () => {
    issuerSaid = 'https://evil.example';
    await expect((await open()).find(first)).rejects.toMatchObject({ code: 'id_token.keys_unavailable' });
  });

  it('are not taken from a cache that was written in the future, for another issuer, or by a full disk', async () => {
    await (await open()).find(first);
    const cache = JSON.parse(readFileSync(cachePath, 'utf8')) as { fetchedAtMs: number };
    down = true;
    for (const text of [
      JSON.stringify({ ...cache, fetchedAtMs: cache.fetchedAtMs + 2 * HOUR_MS }),
      JSON.stringify({ ...cache, issuer: 'https://other.example' }),
      JSON.stringify(cache).slice(0, 40),
    ]) {
      writeFileSync(cachePath, text);
      await expect((await open()).find(first)).rejects.toThrow('The ID token was refused');
    }
  });
});
