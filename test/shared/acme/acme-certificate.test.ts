import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AcmeCertificate, type AcmeCertificateParts } from '../../../shared/acme/acme-certificate.ts';
import { acmeSection } from '../../../shared/acme/config.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { silentLogger } from '../../../shared/log.ts';
import { createPrivateCa } from '../../../shared/tls/private-ca.ts';
import { loadServerTls } from '../../../shared/tls/server-tls.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Pebble, startPebble } from '../../support/pebble.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const NAME = 'proxy.vendor.test';
const DAY_MS = 86_400_000;

let pebble: Pebble;
beforeAll(async () => {
  pebble = await startPebble();
}, 60_000);
afterAll(() => pebble.stop());

/** A certificate's keeper, with a clock that the test moves, against a real ACME server. */
function keeper(more: Partial<AcmeCertificateParts> & { port?: number } = {}) {
  const clock = new FakeClock(Date.now());
  const problems: string[] = [];
  const log = silentLogger();
  Object.assign(log, {
    error: (fields: { err: Error }) => void problems.push(fields.err.message),
    info: () => undefined,
  });
  let obtained = 0;
  const acme = new AcmeCertificate({
    dataDir: temporaryDirectory(),
    settings: acmeSection.parse({
      agreeToTerms: true,
      directory: pebble.directory,
      email: 'ops@vendor.test',
      host: '127.0.0.1',
      port: more.port ?? pebble.challengePort,
    }),
    names: [NAME, 'www.vendor.test'],
    egress: () => createEgress({ caBundle: pebble.caBundle }, { env: {} }),
    onObtained: async () => {
      obtained += 1;
    },
    clock,
    log,
    ...more,
  });
  onTestFinished(() => acme.close());
  return { acme, clock, problems, obtained: () => obtained };
}

const until = (condition: () => unknown, what: string) => waitFor(condition, { what, timeoutMs: 60_000 });

describe('a certificate by ACME', () => {
  it('is got from a real server, kept while it is good, and renewed before it ends', async () => {
    const { acme, clock, obtained } = keeper();
    acme.start();
    await until(() => obtained() === 1, 'the first certificate');
    // One file holds all: it is replaced in one step, and TLS can be served with it.
    const { cert } = await loadServerTls({ certificate: acme.path, key: acme.path });
    const first = new X509Certificate(cert);
    expect(first.checkHost(NAME)).toBe(NAME);
    expect(first.checkHost('www.vendor.test')).toBe('www.vendor.test');
    expect(cert.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
    expect(statSync(acme.path).mode & 0o777).toBe(0o600);
    expect(statSync(join(dirname(acme.path), 'account-key.pem')).mode & 0o777).toBe(0o600);

    const lifeDays = (Date.parse(first.validTo) - Date.now()) / DAY_MS;
    await waitFor(() => clock.pendingTimers === 1);
    await clock.advanceInSteps(DAY_MS, DAY_MS / 4);
    expect(obtained()).toBe(1);
    clock.jumpTo(Date.now() + (lifeDays - 1) * DAY_MS);
    await clock.advanceInSteps(DAY_MS, DAY_MS / 2);
    await until(() => obtained() >= 2, 'the renewal');
    expect(new X509Certificate(readFileSync(acme.path)).serialNumber).not.toBe(first.serialNumber);
  }, 90_000);

  it('is tried for again when the name could not be proven, with the reason in the log', async () => {
    // The ACME server looks at another port than the one that is listened on.
    const { acme, clock, problems, obtained } = keeper({ port: 1 + pebble.challengePort });
    acme.start();
    await until(() => problems.length === 1, 'the failure');
    expect(problems[0]).toMatch(/could not see that .*vendor\.test leads here: .*refused/);
    const stranger = createServer((_request, response) => response.end('not a key authorization'));
    onTestFinished(() => void stranger.close());
    await new Promise<void>((resolve) => void stranger.listen(pebble.challengePort, '127.0.0.1', resolve));
    await waitFor(() => clock.pendingTimers === 1);
    clock.advance(15 * 60_000);
    await until(() => problems.length === 2, 'the second failure');
    expect(problems[1]).toMatch(/could not see that/);
    expect(obtained()).toBe(0);
  }, 90_000);

  it('is not asked for while another program has the port', async () => {
    const stranger = createServer();
    onTestFinished(() => void stranger.close());
    await new Promise<void>((resolve) => void stranger.listen(pebble.challengePort, '127.0.0.1', resolve));
    const { acme, problems } = keeper();
    acme.start();
    await until(() => problems.length === 1, 'the failure');
    expect(problems[0]).toBe(`Port ${pebble.challengePort}, for the ACME challenge, is in use.`);
  }, 60_000);

  it('is not got from something that is no ACME server, nor from one whose certificate nobody vouches for', async () => {
    const untrusted = keeper({ egress: () => createEgress({}, { env: {} }) });
    untrusted.acme.start();
    await until(() => untrusted.problems.length === 1, 'the failure');
    expect(untrusted.problems[0]).toMatch(/certificate/);
    const directory = pebble.directory.replace('/dir', '/nonce-plz');
    const settings = acmeSection.parse({
      agreeToTerms: true,
      directory,
      host: '127.0.0.1',
      port: pebble.challengePort,
    });
    const astray = keeper({ settings });
    astray.acme.start();
    await until(() => astray.problems.length === 1, 'the failure');
    expect(astray.problems[0]).toMatch(/no ACME server at/);
  }, 60_000);

  it('replaces one for other names', async () => {
    const dataDir = temporaryDirectory();
    mkdirSync(join(dataDir, 'acme'));
    const other = await createPrivateCa(join(dataDir, 'acme', 'tls'), {
      commonName: 'x',
      hosts: ['old.vendor.test'],
    });
    const { acme, obtained } = keeper({ dataDir });
    writeFileSync(acme.path, `${readFileSync(other.certificate, 'utf8')}${readFileSync(other.key, 'utf8')}`);
    acme.start();
    await until(() => obtained() === 1, 'the certificate for the new name');
    expect(new X509Certificate(readFileSync(acme.path)).checkHost(NAME)).toBe(NAME);
  }, 60_000);
});

describe('the section tls.acme', () => {
  it.each([
    ['no agreement', {}],
    ['a refusal', { agreeToTerms: false }],
    ['a directory without TLS', { agreeToTerms: true, directory: 'http://ca.example/dir' }],
    ['a name with a star', { agreeToTerms: true, names: ['*.vendor.test'] }],
    ['an address as a name', { agreeToTerms: true, names: ['10.0.0.1'] }],
    ['an unknown key', { agreeToTerms: true, challenge: 'dns-01' }],
  ])('is refused with %s', (_what, section) => {
    expect(acmeSection.safeParse(section).success).toBe(false);
  });
});
