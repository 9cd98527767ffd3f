import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import { PROXY_MIGRATIONS } from '../../proxy/store/migrations.ts';
import { AUDIT_MIGRATIONS } from '../../shared/audit/audit-file.ts';
import { schemaBackupPath } from '../../shared/store/schema-backup.ts';
import { type RoleByHand, runDrawbridge, runProgram, startRoleByHand } from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/installation-2026-11-25.tar.gz', import.meta.url));
/** Files of the fixture that name a port. */
const CONFIGS = ['proxy/proxy.yaml', 'bastion/bastion.yaml', 'bastion/data/enrolment.json'];
const AGENT_CONFIGS = ['agents/web-1/agent.yaml', 'agents/web-1/data/enrolment.json'];
/** Their schemas when the fixture was made. */
const DATABASES = [
  { path: 'bastion/data/bastion.db', migrations: BASTION_MIGRATIONS },
  { path: 'bastion/data/audit.db', migrations: AUDIT_MIGRATIONS },
  { path: 'proxy/data/proxy.db', migrations: PROXY_MIGRATIONS },
  { path: 'proxy/data/audit.db', migrations: AUDIT_MIGRATIONS },
];

interface OldInstallation {
  readonly operator: { readonly username: string; readonly password: string; readonly totpSecret: string };
}

// The fixture's agent serves root.
describe.runIf(process.getuid?.() === 0)('the data of an older Drawbridge', () => {
  let dir: string;
  let remove: () => void;
  let old: OldInstallation;
  const roles: RoleByHand[] = [];
  const at = (path: string) => join(dir, path);
  const versions = new Map<string, number>();

  beforeAll(async () => {
    ({ path: dir, remove } = createTemporaryDirectory());
    expect(spawnSync('tar', ['-xzf', FIXTURE, '-C', dir]).status).toBe(0);
    old = JSON.parse(readFileSync(at('demo.json'), 'utf8')) as OldInstallation;
    const ports = new Map<string, number>();
    for (const path of [...CONFIGS, ...AGENT_CONFIGS]) {
      const text = readFileSync(at(path), 'utf8');
      const found = text.match(/(?<=^ {2}port: |127\.0\.0\.1:)\d{5}/gm) ?? [];
      for (const port of found) if (!ports.has(port)) ports.set(port, await freePort());
      writeFileSync(
        at(path),
        text.replace(/(?<=^ {2}port: |127\.0\.0\.1:)\d{5}/gm, (port) => String(ports.get(port))),
      );
    }
    // The schema's version stands in the header of the file.
    for (const { path } of DATABASES) versions.set(path, readFileSync(at(path)).readUInt32BE(60));
  });
  afterAll(async () => {
    for (const role of roles.reverse()) await role.stop();
    remove();
  });

  it('is taken over by the roles of today, and kept as it was where its schema changes', async () => {
    for (const [role, config] of [
      ['proxy', 'proxy/proxy.yaml'],
      ['bastion', 'bastion/bastion.yaml'],
      ['agent', 'agents/web-1/agent.yaml'],
    ] as const) {
      const started = await startRoleByHand(role, at(config));
      roles.push(started);
      expect(started.output()).toContain(`drawbridge ${role}: ready`);
    }
    for (const { path, migrations } of DATABASES) {
      const version = versions.get(path) ?? 0;
      expect(version).toBeGreaterThan(0);
      expect(existsSync(schemaBackupPath(at(path), version)), path).toBe(version < migrations.length);
    }
  }, 120_000);

  it('still proves what happened then', async () => {
    for (const config of ['bastion/bastion.yaml', 'proxy/proxy.yaml']) {
      const verified = await runDrawbridge(['audit', 'verify', '--config', at(config)]);
      expect(verified, verified.stderr).toMatchObject({ status: 0 });
    }
    const place = ['--config', at('bastion/bastion.yaml')];
    const recordings = await runDrawbridge(['recordings', 'verify', ...place]);
    expect(recordings, recordings.stderr).toMatchObject({ status: 0 });
    const sessions = await runDrawbridge(['sessions', 'ls', '--json', ...place]);
    expect(JSON.parse(sessions.stdout)).toMatchObject([{ state: 'ended' }, { state: 'ended' }]);
  }, 60_000);

  it('lets its operator in, through peers that were enrolled then', async () => {
    const { username, password, totpSecret } = old.operator;
    const home = at('home');
    const url = /^publicUrl: (.*)$/m.exec(readFileSync(at('proxy/proxy.yaml'), 'utf8'))?.[1] ?? '';
    writeFileSync(at('password'), password);
    const login = await runDrawbridge([
      ...['login', url, '--home', home, '--ca', at('operator/ca.pem'), '--username', username],
      ...['--password-file', at('password'), '--code', generateSync({ secret: totpSecret })],
    ]);
    expect(login, login.stderr).toMatchObject({ status: 0 });
    const run = await waitFor(
      async () => {
        const tried = await runProgram('ssh', [
          '-F',
          join(home, 'ssh_config'),
          'root@web-1.acme',
          'echo $((6*7))',
        ]);
        return tried.status === 0 && tried;
      },
      { what: 'a session', timeoutMs: 60_000, periodMs: 500 },
    );
    expect(run.stdout).toBe('42\n');
  }, 120_000);
});
