import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runDrawbridge, TestDemo } from '../support/demo.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

/** A refusal must come so fast that nobody takes it for a fault of the network. */
const REFUSED_WITHIN_MS = 2_000;
/** Has an account of its own: the demo's sign-in has spent the code that the other account has at present. */
const STOCK_OPERATOR = 'sam';

let demo: TestDemo;
let folder: string;
let stockConfig: string;
let stockSecret: string;

beforeAll(async () => {
  demo = await TestDemo.start();
  folder = join(demo.demo.dir, 'test');
  mkdirSync(folder);
  const key = join(folder, 'key');
  expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status).toBe(0);
  const user = (...args: readonly string[]) =>
    runDrawbridge(['proxy', 'user', ...args, '--config', demo.document.proxy.config]);
  const account = await user('add', STOCK_OPERATOR, '--group', 'support', '--json');
  expect(account).toMatchObject({ status: 0 });
  stockSecret = z.object({ totpSecret: z.string() }).parse(JSON.parse(account.stdout)).totpSecret;
  expect(await user('key', 'add', STOCK_OPERATOR, `${key}.pub`)).toMatchObject({ status: 0 });
  stockConfig = writeStockConfig('stock_config', key);
}, 90_000);

afterAll(async () => {
  await demo?.stop();
});

/** What somebody without our command writes into their ssh configuration. */
function writeStockConfig(name: string, key: string): string {
  const { jump, knownHosts, login } = demo.document;
  const path = join(folder, name);
  const common = `  IdentityFile ${key}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile ${knownHosts}\n  StrictHostKeyChecking yes\n`;
  writeFileSync(
    path,
    `Host jump\n  HostName ${jump.host}\n  Port ${jump.port}\n  User ${STOCK_OPERATOR}\n${common}` +
      `Host *.acme *.nowhere\n  ProxyJump jump\n  User ${login}\n${common}`,
  );
  return path;
}

describe('a stock client with a registered key', () => {
  it('gets in with the key and a one-time code, and the code is spent by that', {
    timeout: 90_000,
  }, async () => {
    const code = generateSync({ secret: stockSecret });
    const ssh = TerminalProgram.start('ssh', ['-F', stockConfig, demo.host, 'echo in-"side"']);
    try {
      await ssh.shows(/code:/i);
      ssh.type(`${code}\n`);
      await ssh.shows('in-side');
      expect(await ssh.exit()).toBe(0);
    } finally {
      ssh.kill();
    }
    const again = TerminalProgram.start('ssh', ['-F', stockConfig, demo.host, 'echo in-"side"']);
    try {
      await again.shows(/code:/i);
      const startMs = performance.now();
      again.type(`${code}\n`);
      await again.shows(/denied|again|refused|code:[\s\S]*code:/i);
      expect(performance.now() - startMs).toBeLessThan(REFUSED_WITHIN_MS);
      expect(again.output).not.toContain('in-side');
    } finally {
      again.kill();
    }
    await demo.auditEvent(
      (event) => event.type === 'operator.refused' && JSON.stringify(event).includes('spent_code'),
      'proxy',
    );
  });

  it('is refused with a wrong code, soon and on the record', async () => {
    const ssh = TerminalProgram.start('ssh', [
      '-F',
      stockConfig,
      '-o',
      'NumberOfPasswordPrompts=1',
      demo.host,
      'true',
    ]);
    try {
      await ssh.shows(/code:/i);
      const startMs = performance.now();
      ssh.type('000000\n');
      await ssh.shows(/denied|refused|closed|code:[\s\S]*code:/i);
      expect(performance.now() - startMs).toBeLessThan(REFUSED_WITHIN_MS);
    } finally {
      ssh.kill();
    }
    await demo.auditEvent(
      (event) => event.type === 'operator.refused' && JSON.stringify(event).includes('wrong_code'),
      'proxy',
    );
  });

  it('is refused with a key that nobody registered, without being asked for a code', async () => {
    const key = join(folder, 'unknown');
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const ssh = TerminalProgram.start('ssh', [
      '-F',
      writeStockConfig('unknown_config', key),
      demo.host,
      'true',
    ]);
    try {
      const startMs = performance.now();
      expect(await ssh.exit()).toBe(255);
      expect(performance.now() - startMs).toBeLessThan(REFUSED_WITHIN_MS);
      expect(ssh.output).not.toMatch(/code:/i);
      expect(ssh.output).toMatch(/denied/i);
    } finally {
      ssh.kill();
    }
    await demo.auditEvent(
      (event) => event.type === 'operator.refused' && JSON.stringify(event).includes('unknown_key'),
      'proxy',
    );
  });
});

describe('an operator who is signed in', () => {
  it.each([
    ['an unknown host', 'web-9.acme', 'bastion'],
    ['an unknown bastion', 'web-1.nowhere', 'proxy'],
  ] as const)('is told about %s, soon and on the record', async (_what, name, log) => {
    const config = join(folder, 'nowhere_config');
    const more = `Host *.nowhere\n  ProxyJump drawbridge-jump\n  UserKnownHostsFile ${demo.document.knownHosts}\n`;
    writeFileSync(config, `Include ${demo.document.sshConfig}\n${more}`);
    const run = await demo.ssh(['-F', config, name, 'true']);
    expect(run.status).toBe(255);
    expect(run.durationMs).toBeLessThan(REFUSED_WITHIN_MS);
    expect(run.stderr).toMatch(/no host|no bastion|unknown|not known|nowhere|web-9/i);
    await demo.auditEvent(
      (event) =>
        event.type === 'operator.refused' && JSON.stringify(event).includes(name.split('.')[0] ?? ''),
      log,
    );
  });

  it('sees the hosts within reach, and stays signed in no longer than they like', async () => {
    const home = join(demo.demo.dir, 'operator');
    const hosts = await runDrawbridge(['hosts', '--json', '--home', home]);
    expect(JSON.parse(hosts.stdout)).toMatchObject([{ name: 'db-1.acme' }, { name: 'web-1.acme' }]);
    const status = await runDrawbridge(['status', '--home', home]);
    expect(status.stdout).toContain('alice');
  });

  it('is refused at login with one sentence, whatever was wrong', async () => {
    const { proxy, operator } = demo.document;
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, operator.password);
    const logIn = (username: string, code: string) =>
      runDrawbridge([
        ...['login', proxy.url, '--ca', proxy.ca, '--username', username, '--password-file', passwordFile],
        ...['--code', code, '--home', join(folder, 'home')],
      ]);
    const wrongCode = await logIn('alice', '000000');
    const wrongUser = await logIn('mallory', '000000');
    expect(wrongCode.status).toBe(1);
    expect(wrongCode.stderr).toMatch(/^drawbridge: error: /);
    expect(wrongUser.stderr).toBe(wrongCode.stderr);
  });

  it('is out after logout: the key is worth nothing any more', async () => {
    const home = join(demo.demo.dir, 'operator');
    const key = join(folder, 'kept_key');
    spawnSync('cp', [demo.document.identity, key]);
    const known = join(folder, 'kept_known_hosts');
    spawnSync('cp', [demo.document.knownHosts, known]);
    expect(await runDrawbridge(['logout', '--home', home])).toMatchObject({
      status: 0,
      stdout: 'Signed out.\n',
    });
    expect(await runDrawbridge(['status', '--home', home])).toMatchObject({ status: 1 });
    const { jump } = demo.document;
    const run = await demo.ssh([
      ...['-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', `UserKnownHostsFile=${known}`],
      ...['-o', 'BatchMode=yes', '-p', String(jump.port), `${jump.user}@${jump.host}`],
    ]);
    expect(run.status).toBe(255);
    expect(run.stderr).toMatch(/denied/i);
  });
});
