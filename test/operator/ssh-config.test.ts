import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHome } from '../../operator/home.ts';
import type { Login } from '../../operator/login-file.ts';
import { renderKnownHosts, renderSshConfig } from '../../operator/ssh-config.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const hostKey = generateSshKey('host').publicLine;

function loginWith(changes: Partial<Login['proxy']['ssh']> = {}): Login {
  return {
    version: 1,
    amr: [],
    operator: { username: 'alice', groups: ['support'] },
    key: { fingerprint: 'SHA256:x', expiresAt: '2030-01-01T00:00:00.000Z' },
    proxy: {
      url: 'https://proxy.example.com',
      id: 'p-x',
      ssh: { host: 'proxy.example.com', port: 2222, hostKey, ...changes },
      ownCa: false,
    },
    bastions: [{ name: 'acme', id: 'b-x', hostKey }],
  };
}

/** What the stock client makes of a configuration for one host (`ssh -G`). */
function readBySsh(config: string, host: string): Map<string, string> {
  const path = join(temporaryDirectory(), 'config');
  writeFileSync(path, config);
  const run = spawnSync('ssh', ['-T', '-G', '-F', path, host], { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  return new Map(
    run.stdout
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const),
  );
}

describe('the ssh configuration of a login', () => {
  const home = openHome('/home/alice/.drawbridge', {});

  it('reaches hosts of the bastion through the proxy, with pinned keys and without prompts', () => {
    const config = renderSshConfig({ login: loginWith(), home, command: ['drawbridge'] });
    const host = readBySsh(config, 'web-1.acme');
    expect(host.get('proxyjump')).toBe('drawbridge-jump');
    expect(host.get('identityfile')).toBe('/home/alice/.drawbridge/id_ed25519');
    expect(host.get('identitiesonly')).toBe('yes');
    expect(host.get('stricthostkeychecking')).toBe('true');
    expect(host.get('userknownhostsfile')).toBe('/home/alice/.drawbridge/known_hosts');
    expect(host.get('ciphers')).toMatch(/^aes128-gcm@openssh.com,aes256-gcm@openssh.com,/);
    const jump = readBySsh(config, 'drawbridge-jump');
    expect(jump.get('hostname')).toBe('proxy.example.com');
    expect(jump.get('port')).toBe('2222');
    expect(jump.get('user')).toBe('alice');
  });

  it('reaches hosts with the alias ending .wss by the ProxyCommand', () => {
    const config = renderSshConfig({ login: loginWith(), home, command: ['/usr/bin/node', '/opt/main.js'] });
    const host = readBySsh(config, 'web-1.acme.wss');
    expect(host.get('proxycommand')).toBe(
      '/usr/bin/node /opt/main.js connect --home /home/alice/.drawbridge %h',
    );
    expect(host.has('proxyjump')).toBe(false);
  });

  it('spares the ProxyCommand reading all public authorities, where the proxy has one of its own', () => {
    const command = ['/usr/bin/node', '/opt/main.js'];
    const extraCaPath = '/etc/our own.pem';
    const own = loginWith();
    const login = { ...own, proxy: { ...own.proxy, ownCa: true } };
    const proxyCommand = (config: string) => readBySsh(config, 'web-1.acme.wss').get('proxycommand');
    const spared =
      'SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/dev/null /usr/bin/node --use-openssl-ca /opt/main.js ' +
      'connect --home /home/alice/.drawbridge %h';
    expect(proxyCommand(renderSshConfig({ login, home, command, extraCaPath: '' }))).toBe(`env ${spared}`);
    expect(proxyCommand(renderSshConfig({ login, home, command, extraCaPath }))).toBe(
      `env -u NODE_EXTRA_CA_CERTS 'DRAWBRIDGE_EXTRA_CA_CERTS=/etc/our own.pem' ${spared}`,
    );
    expect(proxyCommand(renderSshConfig({ login, home, command, extraCaPath: 'our own.pem' }))).toContain(
      `'DRAWBRIDGE_EXTRA_CA_CERTS=${process.cwd()}/our own.pem'`,
    );
    expect(proxyCommand(renderSshConfig({ login: own, home, command, extraCaPath }))).toBe(
      '/usr/bin/node /opt/main.js connect --home /home/alice/.drawbridge %h',
    );
  });

  it('says nothing about hosts that are not behind a bastion', () => {
    const config = renderSshConfig({ login: loginWith(), home, command: ['drawbridge'] });
    expect(readBySsh(config, 'github.com').get('identitiesonly')).toBe('no');
  });

  it('survives folders with blanks, percent signs and apostrophes', () => {
    const odd = openHome("/home/al ice/100%/it's", {});
    const config = renderSshConfig({ login: loginWith(), home: odd, command: ['/opt/my node'] });
    const host = readBySsh(config, 'web-1.acme.wss');
    expect(host.get('identityfile')).toBe("/home/al ice/100%%/it's/id_ed25519");
    expect(host.get('proxycommand')).toBe(`'/opt/my node' connect --home '/home/al ice/100%%/it'\\''s' %h`);
  });

  it('refuses a folder that no configuration can name', () => {
    const odd = openHome('/home/"alice', {});
    expect(() => renderSshConfig({ login: loginWith(), home: odd, command: ['drawbridge'] })).toThrow(
      /--home|hold the name/,
    );
  });
});

describe('the known hosts of a login', () => {
  it('pin the proxy by address and port, and every host of a bastion to its key', () => {
    const path = join(temporaryDirectory(), 'known_hosts');
    writeFileSync(path, renderKnownHosts(loginWith()));
    const find = (name: string): string =>
      spawnSync('ssh-keygen', ['-F', name, '-f', path], { encoding: 'utf8' }).stdout;
    const key = hostKey.split(' ')[1] ?? '';
    for (const name of ['[proxy.example.com]:2222', 'web-1.acme', 'web-1.acme.wss'])
      expect(find(name)).toContain(key);
    for (const name of ['proxy.example.com', 'web-1.other', 'acme']) expect(find(name)).toBe('');
  });

  it('name port 22 as ssh does', () => {
    expect(renderKnownHosts(loginWith({ port: 22 }))).toMatch(/^proxy\.example\.com ssh-ed25519 /);
  });

  it('take no second line out of a peer’s key', () => {
    const forged = `${hostKey}\n* ssh-ed25519 AAAA`;
    expect(
      renderKnownHosts(loginWith({ hostKey: forged }))
        .trimEnd()
        .split('\n'),
    ).toHaveLength(2);
    expect(() => renderKnownHosts(loginWith({ hostKey: '*\nssh-ed25519' }))).toThrow(/no OpenSSH public key/);
  });
});
