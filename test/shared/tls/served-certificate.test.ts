import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import { openCertificate } from '../../../shared/tls/open-certificate.ts';
import { createPrivateCa, type PrivateCaFiles } from '../../../shared/tls/private-ca.ts';
import { LOOK_PERIOD_MS, ServedCertificate } from '../../../shared/tls/served-certificate.ts';
import { SERVER_TLS_OPTIONS } from '../../../shared/tls/server-tls.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const DAY_MS = 86_400_000;

const make = (host = 'localhost'): Promise<PrivateCaFiles> =>
  createPrivateCa(join(temporaryDirectory(), 'tls'), { commonName: 'Acme', hosts: [host] });

/** A log that keeps what is told. */
function listener() {
  const told: string[] = [];
  const log = silentLogger();
  const keep = (_fields: unknown, text: string) => void told.push(text);
  Object.assign(log, { info: keep, warn: keep, error: keep });
  return { told, log };
}

async function open(files: PrivateCaFiles, clock = new FakeClock(Date.now())) {
  const { told, log } = listener();
  const served = await ServedCertificate.open([files], { clock, log });
  onTestFinished(() => served.close());
  return { served, told, clock };
}

const replace = (
  by: PrivateCaFiles,
  at: PrivateCaFiles,
  parts: readonly ('certificate' | 'key' | 'ca')[],
) => {
  for (const part of parts) copyFileSync(by[part], at[part]);
};

describe('a served certificate', () => {
  it('is taken over from its files while connections go on, for those that begin then', async () => {
    const [files, next] = await Promise.all([make(), make()]);
    const { served, clock } = await open(files);
    const server = createServer({ ...SERVER_TLS_OPTIONS, ...served.current }, (_request, response) =>
      response.end('here'),
    );
    served.onChange(({ cert, key }) => server.setSecureContext({ ...SERVER_TLS_OPTIONS, cert, key }));
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const dial = async () => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'secureConnect');
      return { socket, serial: socket.getPeerX509Certificate()?.serialNumber };
    };
    const before = await dial();
    expect(before.serial).toBe(new X509Certificate(readFileSync(files.certificate)).serialNumber);
    replace(next, files, ['certificate', 'key', 'ca']);
    clock.advance(LOOK_PERIOD_MS);
    const serial = new X509Certificate(readFileSync(next.certificate)).serialNumber;
    await waitFor(async () => (await dial()).serial === serial);
    before.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(String(await once(before.socket, 'data'))).toContain('here');
  });

  it('stays as it was while the change is half done, and follows when it is whole', async () => {
    const [files, next] = await Promise.all([make(), make()]);
    const { served, told } = await open(files);
    const before = served.current;
    replace(next, files, ['certificate']);
    expect(await served.look()).toBe(false);
    expect(await served.look()).toBe(false);
    expect(told).toEqual([expect.stringMatching(/stays as it was: The key .* is not that of/)]);
    expect(served.current).toBe(before);
    replace(next, files, ['key']);
    expect(await served.look()).toBe(true);
    expect(served.current.cert).toBe(readFileSync(next.certificate, 'utf8'));
    expect(await served.look()).toBe(false);
  });

  it.each([
    ['is emptied', (files: PrivateCaFiles) => truncateSync(files.certificate)],
    ['is removed', (files: PrivateCaFiles) => rmSync(files.key)],
    [
      'gets a password',
      (files: PrivateCaFiles) => writeFileSync(files.key, '-----BEGIN ENCRYPTED PRIVATE KEY-----'),
    ],
  ])('stays when a file %s', async (_what, spoil) => {
    const files = await make();
    const { served, told } = await open(files);
    const before = served.current;
    spoil(files);
    expect(await served.look()).toBe(false);
    expect(served.current).toBe(before);
    expect(told).toHaveLength(1);
  });

  it('is warned about from thirty days before its end, once a day', async () => {
    const files = await make();
    const endMs = Date.parse(new X509Certificate(readFileSync(files.certificate)).validTo);
    const clock = new FakeClock(endMs - 31.5 * DAY_MS);
    const { told } = await open(files, clock);
    expect(told).toEqual([]);
    clock.advance(DAY_MS);
    expect(told).toEqual([]);
    clock.advance(DAY_MS);
    clock.advance(DAY_MS);
    expect(told).toEqual([
      'the TLS certificate ends in 29 days: renew it',
      'the TLS certificate ends in 28 days: renew it',
    ]);
  });

  it('is warned about when its chain leads to nobody', async () => {
    const [files, other] = await Promise.all([make(), make()]);
    replace(other, files, ['ca']);
    const { told } = await open(files);
    expect(told).toEqual([expect.stringContaining('leads to no authority that is known here')]);
    const { ca: _ca, ...withoutCa } = other;
    const { told: more, log } = listener();
    const served = await ServedCertificate.open([withoutCa], { clock: new FakeClock(Date.now()), log });
    await served.close();
    expect(more).toHaveLength(1);
  });

  it('is the next one where the first place has none that can be used', async () => {
    const files = await make();
    const better = { certificate: join(temporaryDirectory(), 'one.pem'), key: '', isWhole: true as const };
    const first = { ...better, key: better.certificate };
    const { told, log } = listener();
    const parts = { clock: new FakeClock(Date.now()), log };
    const served = await ServedCertificate.open([first, files], parts);
    onTestFinished(() => served.close());
    expect(served.current.cert).toBe(readFileSync(files.certificate, 'utf8'));
    expect(told).toEqual([]);
    const next = await make();
    writeFileSync(first.certificate, readFileSync(next.certificate, 'utf8') + readFileSync(next.key, 'utf8'));
    expect(await served.look()).toBe(true);
    expect(served.current.cert).toContain(readFileSync(next.certificate, 'utf8'));
    writeFileSync(first.certificate, 'damaged');
    expect(await served.look()).toBe(true);
    expect(served.current.cert).toBe(readFileSync(files.certificate, 'utf8'));
  });

  it('must be there at the start', async () => {
    const files = await make();
    rmSync(files.certificate);
    await expect(open(files)).rejects.toMatchObject({ code: 'tls.missing' });
  });
});

describe('a certificate of the private CA', () => {
  const start = async (files: PrivateCaFiles, clock: FakeClock) => {
    const { told, log } = listener();
    const opened = await openCertificate({
      ...{ tls: files, publicUrl: 'https://localhost', dataDir: temporaryDirectory(), clock, log },
      egress: () => {
        throw new Error('nothing is fetched');
      },
    });
    onTestFinished(() => opened.close());
    return { ...opened, told };
  };
  const ownOf = (pem: string) => new X509Certificate(pem);

  it('is renewed by the role itself, with its names and its key, under the CA that others trust', async () => {
    const files = await make('bastion.acme.example');
    const before = ownOf(readFileSync(files.certificate, 'utf8'));
    const clock = new FakeClock(Date.parse(before.validTo) - 61 * DAY_MS);
    const { served, told } = await start(files, clock);
    expect(ownOf(served.current.cert).serialNumber).toBe(before.serialNumber);
    clock.advance(2 * DAY_MS);
    await waitFor(() => ownOf(served.current.cert).serialNumber !== before.serialNumber);
    const after = ownOf(served.current.cert);
    expect(after.subjectAltName).toBe(before.subjectAltName);
    expect(after.verify(ownOf(readFileSync(files.ca, 'utf8')).publicKey)).toBe(true);
    expect(Date.parse(after.validTo) - clock.nowMs()).toBeGreaterThan(390 * DAY_MS);
    expect(told).toContain('renewed the TLS certificate of the private CA');
  });

  it('is renewed before it is read, so that a role that was off for years comes up', async () => {
    const files = await make();
    const endMs = Date.parse(ownOf(readFileSync(files.certificate, 'utf8')).validTo);
    const clock = new FakeClock(endMs + 300 * DAY_MS);
    const { served } = await start(files, clock);
    expect(Date.parse(ownOf(served.current.cert).validTo)).toBeGreaterThan(clock.nowMs());
  });

  it('is left alone when the CA did not make it, or has no key here', async () => {
    const [files, foreign, bare] = await Promise.all([make(), make(), make()]);
    replace(foreign, files, ['certificate', 'key']);
    rmSync(bare.ca.replace('ca.pem', 'ca-key.pem'));
    const soon = Date.parse(ownOf(readFileSync(bare.certificate, 'utf8')).validTo) - 40 * DAY_MS;
    for (const own of [files, bare]) {
      const text = readFileSync(own.certificate, 'utf8');
      await start(own, new FakeClock(soon));
      expect(readFileSync(own.certificate, 'utf8')).toBe(text);
    }
  });

  it('is served on with a word in the log when it can not be renewed', async () => {
    const files = await make();
    const soon = Date.parse(ownOf(readFileSync(files.certificate, 'utf8')).validTo) - 40 * DAY_MS;
    writeFileSync(files.ca.replace('ca.pem', 'ca-key.pem'), 'damaged');
    const { served, told } = await start(files, new FakeClock(soon));
    expect(served.current.cert).toBe(readFileSync(files.certificate, 'utf8'));
    expect(told[0]).toMatch(/could not be renewed/);
  });
});

it('asks for no certificate by ACME for a name that can not have one', async () => {
  const files = await make();
  const acme = {
    agreeToTerms: true,
    directory: 'https://ca.example/dir',
    host: '127.0.0.1',
    port: 80,
  } as const;
  const opening = openCertificate({
    ...{ tls: { ...files, acme }, publicUrl: 'https://10.0.0.1:8443', dataDir: temporaryDirectory() },
    ...{ clock: new FakeClock(Date.now()), log: silentLogger() },
    egress: () => {
      throw new Error('nothing is fetched');
    },
  });
  await expect(opening).rejects.toMatchObject({ code: 'acme.no_dns_name' });
});
