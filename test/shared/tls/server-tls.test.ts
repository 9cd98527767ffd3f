import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPrivateCa } from '../../../shared/tls/private-ca.ts';
import { loadServerTls } from '../../../shared/tls/server-tls.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const run = promisify(execFile);
let directory: string;
let good: { certificate: string; key: string };

beforeEach(async () => {
  directory = temporaryDirectory();
  good = await createPrivateCa(directory, { commonName: 'Test CA', hosts: ['localhost'] });
});

function file(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

async function selfSigned(...args: string[]): Promise<{ certificate: string; key: string }> {
  const files = { certificate: join(directory, 'own.pem'), key: join(directory, 'own-key.pem') };
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-keyout',
    files.key,
    '-out',
    files.certificate,
    ...args,
  ]);
  return files;
}

describe('a server certificate', () => {
  it('is taken with its key, chain and all, also with comment lines and as RSA', async () => {
    const { cert, key } = await loadServerTls(good);
    expect(cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(key).toContain('PRIVATE KEY');
    const commented = file(
      'commented.pem',
      `# our server\nsubject=x\n${await readFile(good.certificate, 'utf8')}`,
    );
    await loadServerTls({ ...good, certificate: commented });
    await loadServerTls(await selfSigned('-days', '10'));
  });

  it('is refused when a file is missing or no file', async () => {
    await expect(loadServerTls({ ...good, key: join(directory, 'none') })).rejects.toMatchObject({
      code: 'tls.missing',
      hint: "Check 'tls.key' in the config file.",
    });
    await expect(loadServerTls({ ...good, certificate: directory })).rejects.toMatchObject({
      code: 'tls.unreadable',
    });
  });

  it('is refused with the key of another', async () => {
    const { key } = await selfSigned('-days', '10');
    await expect(loadServerTls({ ...good, key })).rejects.toMatchObject({ code: 'tls.key_mismatch' });
  });

  it('is refused when it has expired, or the clock is before its time', async () => {
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 398 * 86_400_000 });
    await expect(loadServerTls(good)).rejects.toMatchObject({
      code: 'tls.expired',
      hint: expect.any(String),
    });
    vi.setSystemTime(0);
    await expect(loadServerTls(good)).rejects.toMatchObject({ code: 'tls.not_yet_valid' });
  });

  it('is refused when the key has a password', async () => {
    const key = join(directory, 'locked.pem');
    await run('openssl', ['pkey', '-in', good.key, '-aes256', '-passout', 'pass:secret', '-out', key]);
    await expect(loadServerTls({ ...good, key })).rejects.toMatchObject({
      code: 'tls.key_has_password',
      hint: expect.stringContaining('openssl pkey'),
    });
  });

  it('is refused when it is something else, and the error does not quote the key', async () => {
    const garbage = file('garbage', Buffer.from([0, 1, 2, 255]));
    await expect(loadServerTls({ ...good, certificate: garbage })).rejects.toMatchObject({
      code: 'tls.invalid_certificate',
    });
    const torn = file('torn', (await readFile(good.certificate, 'utf8')).slice(0, 300));
    await expect(loadServerTls({ ...good, certificate: torn })).rejects.toMatchObject({
      code: 'tls.invalid_certificate',
    });
    const halfKey = file('half-key', (await readFile(good.key, 'utf8')).slice(0, 120));
    const error: unknown = await loadServerTls({ ...good, key: halfKey }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'tls.invalid_key' });
    expect(error instanceof Error && error.cause).toBeUndefined();
  });
});
