import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runDrawbridge, TestDemo } from '../support/demo.ts';
import { waitFor } from '../support/wait-for.ts';

let demo: TestDemo;

beforeAll(async () => {
  demo = await TestDemo.start();
});
afterAll(async () => {
  await demo?.stop();
});

const exec = (...args: string[]) =>
  runDrawbridge(['exec', '--home', join(demo.demo.dir, 'operator'), ...args]);

describe('drawbridge exec', () => {
  it('runs a command on every chosen host, each a session in the audit log, with the host before each line', async () => {
    const run = await exec('--hosts', '*', '--', 'echo', 'from-$((40+2));', 'echo', 'aside', '>&2');
    expect(run, run.stderr).toMatchObject({ status: 0 });
    expect(run.stdout.trimEnd().split('\n').sort()).toEqual(['db-1.acme  | from-42', 'web-1.acme | from-42']);
    expect(run.stderr).toContain('web-1.acme ! aside');
    expect(run.stderr).toMatch(/2\/2 \S+: ok/);
    const started = (await demo.audit()).filter((event) => event.type === 'exec.started');
    expect(new Set(started.map((event) => event.host))).toEqual(new Set(['web-1', 'db-1']));
    expect(new Set(started.map((event) => event.session)).size).toBe(2);
  });

  it('says with its exit code and as JSON where the command failed', async () => {
    const run = await exec('--hosts', 'web-1.acme', '--json', '--', 'echo half; exit 3');
    expect(run.status).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject([
      { host: 'web-1.acme', outcome: 'failed', exitCode: 3, stdout: 'half\n', stderr: '', truncated: false },
    ]);
    expect(run.stderr).toContain('did not succeed on 1 of 1 hosts: web-1.acme');
  });

  it('gives a host up after the time that it was given', async () => {
    const run = await exec('--hosts', 'db-1.acme', '--timeout', '2s', '--json', '--', 'sleep 600');
    expect(run.status).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject([{ host: 'db-1.acme', outcome: 'timed_out' }]);
  });

  it('says so when no host is chosen, or the choice can not be read', async () => {
    const none = await exec('--hosts', 'role=nowhere', '--', 'true');
    expect(none).toMatchObject({ status: 1, stdout: '' });
    expect(none.stderr).toContain('No host within your reach');
    expect((await exec('--hosts', '=db', '--', 'true')).status).toBe(2);
  });

  it('shows what a host sends without obeying it', async () => {
    const run = await exec('--hosts', 'web-1.acme', '--', "printf 'a\\033[2Jb\\n'");
    expect(run.stdout).toContain('a\\x1b[2Jb');
  });
});

describe('drawbridge doctor', () => {
  const doctor = (...args: string[]) => runDrawbridge(['doctor', ...args]);

  it('finds nothing wrong with a proxy, a bastion, an agent and an operator that work', async () => {
    const { proxy, bastion, agents } = demo.document;
    for (const config of [proxy.config, bastion.config, agents[0]?.config ?? '']) {
      const run = await doctor('--config', config);
      expect(run, run.stdout + run.stderr).toMatchObject({ status: 0 });
      expect(run.stdout).not.toMatch(/^(WARN|FAIL)/m);
      expect(run.stdout).toMatch(/^OK {4}websocket /m);
    }
    const operator = await doctor('--home', join(demo.demo.dir, 'operator'), '--json');
    expect(operator, operator.stderr).toMatchObject({ status: 0 });
    expect(JSON.parse(operator.stdout)).toContainEqual(
      expect.objectContaining({ check: 'login', state: 'ok' }),
    );
  });

  it('names a key that others may read, and what to do, and fails', async () => {
    const path = join(demo.document.bastion.dataDir, 'identity.json');
    chmodSync(path, 0o644);
    try {
      const run = await doctor('--config', demo.document.bastion.config);
      expect(run.status).toBe(1);
      expect(run.stdout).toContain(`Other accounts may read ${path}.`);
      expect(run.stdout).toContain(`chmod 600 ${path}`);
      expect(run.stderr).toMatch(/1 of \d+ checks failed/);
    } finally {
      chmodSync(path, 0o600);
    }
  });

  it('says what is missing when there is neither a config file nor a login', async () => {
    const run = await doctor('--home', join(demo.demo.dir, 'nobody'));
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('You are not signed in');
  });
});

describe('a configuration that is read anew', () => {
  const change = (path: string, edit: (text: string) => string) =>
    writeFileSync(path, edit(readFileSync(path, 'utf8')));

  it('is in force where it can be while sessions go on, and says what waits for the next start', async () => {
    const { bastion, proxy } = demo.document;
    const before = readFileSync(bastion.config, 'utf8');
    const session = spawn('ssh', ['-F', demo.document.sshConfig, demo.host, 'cat']);
    onTestFinished(() => void session.kill());
    let said = '';
    session.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    session.stdin.write('one\n');
    await waitFor(() => said === 'one\n', { what: 'the session', timeoutMs: 30_000 });

    change(bastion.config, (text) =>
      `${text.replace('level: info', 'level: warn')}hosts: [{ name: legacy-1, address: { host: 127.0.0.1, port: 9 } }]\nkeepTunnelWhenOff: true\n`.replace(
        'keepTunnelWhenOff: false\n',
        '',
      ),
    );
    const run = await demo.customer(['bastion', 'reload']);
    expect(run, run.stderr).toMatchObject({ status: 0 });
    expect(run.stdout).toContain('In force now: ');
    expect(run.stdout).toContain('hosts');
    expect(run.stdout).toContain('From the next start on: keepTunnelWhenOff.');
    session.stdin.write('two\n');
    await waitFor(() => said === 'one\ntwo\n', { what: 'the session to go on', timeoutMs: 30_000 });
    expect((await demo.audit()).filter(({ type }) => type === 'config.reloaded')).toHaveLength(1);

    change(bastion.config, (text) => `${text}hostz: []\n`);
    const faulty = await demo.customer(['bastion', 'reload', '--json']);
    expect(faulty.status).toBe(1);
    expect(faulty.stderr).toContain('hostz');
    writeFileSync(bastion.config, before);
    process.kill(bastion.pid, 'SIGHUP');
    await waitFor(
      async () => (await demo.audit()).filter(({ type }) => type === 'config.reloaded').length === 2,
      {
        what: 'the signal to be followed',
        timeoutMs: 30_000,
        periodMs: 200,
      },
    );
    session.stdin.end('three\n');
    await once(session, 'close');
    expect(said).toBe('one\ntwo\nthree\n');

    const idle = await runDrawbridge(['proxy', 'reload', '--config', proxy.config]);
    expect(idle).toMatchObject({ status: 0, stdout: 'Nothing to take over.\n' });
  }, 90_000);
});
