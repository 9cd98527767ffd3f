import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadProxyConfig } from '../../../proxy/config.ts';
import { initProxy } from '../../../proxy/setup/init.ts';
import { loadNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const OPTIONS = { name: 'central', httpsPort: 8443, sshPort: 2222 };

describe('initProxy', () => {
  it('writes a configuration that loads, keys that nobody else can read, and a certificate for its address', async () => {
    const dir = temporaryDirectory();
    const made = await initProxy({ ...OPTIONS, dir, publicHost: 'proxy.example.com' });
    const config = await loadProxyConfig(made.configPath);
    expect(config).toMatchObject({
      role: 'proxy',
      name: 'central',
      https: { host: '0.0.0.0', port: 8443 },
      publicUrl: 'https://proxy.example.com:8443',
      ssh: { port: 2222, publicHost: 'proxy.example.com' },
      logins: { lifetime: 8 * 3_600_000 },
    });
    expect(made.publicUrl).toBe(config.publicUrl);
    for (const name of ['identity.json', 'ssh_host_ed25519_key', 'tls/key.pem']) {
      expect(statSync(join(config.dataDir, name)).mode & 0o077).toBe(0);
    }
    const certificate = new X509Certificate(readFileSync(config.tls.certificate));
    expect(certificate.checkHost('proxy.example.com')).toBe('proxy.example.com');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.verify(new X509Certificate(readFileSync(made.ca)).publicKey)).toBe(true);
  });

  it('writes over nothing, and says how to go on', async () => {
    const dir = temporaryDirectory();
    const made = await initProxy({ ...OPTIONS, dir });
    const before = readFileSync(made.configPath, 'utf8');
    await expect(initProxy({ ...OPTIONS, name: 'other', dir })).rejects.toMatchObject({
      code: 'init.exists',
      hint: expect.stringContaining('drawbridge proxy start --config'),
    });
    expect(readFileSync(made.configPath, 'utf8')).toBe(before);
  });

  it('completes an init that was interrupted, with the keys that are there', async () => {
    const dir = temporaryDirectory();
    const made = await initProxy({ ...OPTIONS, dir });
    const { id } = await loadNodeIdentity(join(dir, 'data'));
    rmSync(made.configPath);
    await initProxy({ ...OPTIONS, dir });
    expect((await loadNodeIdentity(join(dir, 'data'))).id).toBe(id);
    rmSync(made.configPath);
    const renamed = initProxy({ ...OPTIONS, name: 'other', dir });
    await expect(renamed).rejects.toMatchObject({ code: 'init.exists' });
  });

  it('starts over when it is forced', async () => {
    const dir = temporaryDirectory();
    await initProxy({ ...OPTIONS, dir });
    const { id } = await loadNodeIdentity(join(dir, 'data'));
    await initProxy({ ...OPTIONS, name: 'other', dir, force: true });
    expect((await loadNodeIdentity(join(dir, 'data'))).id).not.toBe(id);
  });

  it.each(['123', 'true', 'null', 'a.b'])('takes the name %s as it is', async (name) => {
    const { configPath } = await initProxy({ ...OPTIONS, name, dir: temporaryDirectory() });
    expect((await loadProxyConfig(configPath)).name).toBe(name);
  });

  it('takes an IPv6 address', async () => {
    const made = await initProxy({ ...OPTIONS, dir: temporaryDirectory(), host: '::1' });
    expect(made.publicUrl).toBe('https://[::1]:8443');
    expect((await loadProxyConfig(made.configPath)).ssh.publicHost).toBe('::1');
  });

  it('writes what a certificate by ACME needs, and refuses where there can be none', async () => {
    const acme = { email: 'ops@example.com' };
    const made = await initProxy({
      ...OPTIONS,
      dir: temporaryDirectory(),
      publicHost: 'proxy.example.com',
      acme,
    });
    expect((await loadProxyConfig(made.configPath)).tls.acme).toEqual({
      agreeToTerms: true,
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      email: 'ops@example.com',
      host: '0.0.0.0',
      port: 80,
    });
    for (const faulty of [
      { publicHost: 'proxy.example.com', acme: { email: 'ops' } },
      { publicHost: 'proxy.example.com', acme: { ...acme, directory: 'http://ca.example.com' } },
      { publicHost: '192.0.2.7', acme },
      { acme },
    ]) {
      const dir = join(temporaryDirectory(), 'proxy');
      await expect(initProxy({ ...OPTIONS, dir, ...faulty })).rejects.toMatchObject({
        code: 'init.invalid_acme',
      });
      expect(existsSync(dir)).toBe(false);
    }
  });

  it('shows in its comments how ACME is configured', async () => {
    const { configPath } = await initProxy({
      ...OPTIONS,
      dir: temporaryDirectory(),
      publicHost: 'a.example.com',
    });
    const text = readFileSync(configPath, 'utf8');
    writeFileSync(configPath, text.replace(/^ {2}# (acme:| {2})/gm, '  $1'));
    expect((await loadProxyConfig(configPath)).tls.acme).toMatchObject({ agreeToTerms: true, port: 80 });
  });

  it.each(['https://proxy.example.com', 'proxy example', 'proxy:443', '"'])(
    'refuses %j as the public host',
    async (publicHost) => {
      const dir = temporaryDirectory();
      const init = initProxy({ ...OPTIONS, dir, publicHost });
      await expect(init).rejects.toMatchObject({ code: 'init.invalid_host' });
    },
  );

  it('says what is wrong when the folder cannot be made', async () => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'file'), '');
    const init = initProxy({ ...OPTIONS, dir: join(dir, 'file', 'proxy') });
    await expect(init).rejects.toMatchObject({ code: 'init.failed' });
  });
});
