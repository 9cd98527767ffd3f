import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPrivateCa } from '../../../shared/tls/private-ca.ts';
import { CLIENT_TLS_OPTIONS, loadServerTls, SERVER_TLS_OPTIONS } from '../../../shared/tls/server-tls.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const run = promisify(execFile);
const HOSTS = ['bastion.acme.example', 'localhost', '127.0.0.1', '::1'];

function create(dir = temporaryDirectory()) {
  return createPrivateCa(join(dir, 'tls'), { commonName: 'Drawbridge acme', hosts: HOSTS });
}

describe('a private CA', () => {
  it('makes a certificate that OpenSSL verifies for a server under each of its names', async () => {
    const { ca, certificate } = await create();
    for (const name of [
      ['-verify_hostname', 'bastion.acme.example'],
      ['-verify_hostname', 'localhost'],
      ['-verify_ip', '127.0.0.1'],
      ['-verify_ip', '::1'],
    ]) {
      const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', ca, ...name, certificate];
      expect((await run('openssl', args)).stdout).toContain('OK');
    }
    const wrong = run('openssl', ['verify', '-CAfile', ca, '-verify_hostname', 'other.example', certificate]);
    await expect(wrong).rejects.toThrow('hostname mismatch');
  });

  it('keeps its keys to itself and makes no certificate that lives too long', async () => {
    const { ca, certificate, key } = await create();
    const modes = await Promise.all([key, ca.replace('ca.pem', 'ca-key.pem')].map((path) => stat(path)));
    expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o600, 0o600]);
    const server = new X509Certificate(await readFile(certificate));
    expect(Date.parse(server.validTo) - Date.parse(server.validFrom)).toBe(397 * 86_400_000);
    expect(server.ca).toBe(false);
    expect(new X509Certificate(await readFile(ca)).ca).toBe(true);
  });

  it('is not replaced', async () => {
    const dir = temporaryDirectory();
    const { ca } = await create(dir);
    const before = await readFile(ca);
    await expect(create(dir)).rejects.toMatchObject({ code: 'tls.exists' });
    expect(await readFile(ca)).toEqual(before);
  });

  it('needs a host', async () => {
    const made = createPrivateCa(temporaryDirectory(), { commonName: 'x', hosts: [] });
    await expect(made).rejects.toMatchObject({ code: 'tls.no_host' });
  });

  it.each([
    ['TLSv1.3', { maxVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384' }],
    ['TLSv1.2', { maxVersion: 'TLSv1.2' }],
  ] as const)('serves %s with AES-GCM to a client that trusts it', async (version, options) => {
    const files = await create();
    const server = createServer({ ...SERVER_TLS_OPTIONS, ...(await loadServerTls(files)) });
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const dial = async (more: object): Promise<TLSSocket> => {
      const socket = connect({
        port: address.port,
        host: '127.0.0.1',
        ...CLIENT_TLS_OPTIONS,
        ...options,
        ...more,
      });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'secureConnect');
      return socket;
    };
    const socket = await dial({ ca: await readFile(files.ca) });
    expect(socket.getProtocol()).toBe(version);
    expect(socket.getCipher().standardName).toContain('AES');
    expect(socket.getCipher().standardName).toContain('GCM');
    await expect(dial({})).rejects.toThrow(/self-signed|unable to/);
  });

  it('serves nothing below TLS 1.2', async () => {
    const files = await create();
    const server = createServer({ ...SERVER_TLS_OPTIONS, ...(await loadServerTls(files)) });
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const socket = connect({
      port: address.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    });
    await expect(once(socket, 'secureConnect')).rejects.toThrow(/alert|version/i);
  });
});
