import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtCommand } from '../../bench/demo-process.ts';
import { AGENTLESS, addAgentlessHost } from '../support/client-matrix.ts';
import { runDrawbridge, runProgram, TestDemo } from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { startRealSshd } from '../support/real-sshd.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

let demo: TestDemo;
let stopSshd: () => Promise<void>;
let folder: string;
let port: number;
let removeFolder: () => void;

beforeAll(async () => {
  ({ path: folder, remove: removeFolder } = createTemporaryDirectory());
  port = await freePort();
  const keys = join(folder, 'authorized_keys');
  writeFileSync(keys, '');
  stopSshd = await startRealSshd(folder, port, keys);
  demo = await TestDemo.start(['--sshd', `127.0.0.1:${port}`]);
  writeFileSync(keys, `cert-authority ${demo.document.bastion.sshClientKey}\n`);
});

afterAll(async () => {
  await demo?.stop();
  await stopSshd?.();
  removeFolder?.();
});

/** How the bastion was let in on a host, as `hosts ls` has it. */
async function signedInBy(name: string): Promise<string | undefined> {
  const { stdout } = await demo.customer(['hosts', 'ls', '--json']);
  const hosts: readonly { name: string; signedInBy?: string }[] = JSON.parse(stdout);
  return hosts.find((host) => host.name === name)?.signedInBy;
}

describe('a host whose own sshd ends the session', () => {
  it('runs commands with their exit code, recorded as ever', async () => {
    const run = await demo.ssh([demo.host, 'echo $DRAWBRIDGE_TEST; exit 42']);
    expect(run).toMatchObject({ status: 42, stdout: 'real-sshd\n' });
    const ended = await demo.auditEvent((event) => event.type === 'recording.closed');
    expect(ended.host ?? 'web-1').toBe('web-1');
  });

  it('gives a shell in a terminal that changes its size', async () => {
    const shell = TerminalProgram.start('ssh', ['-F', demo.document.sshConfig, demo.host], {
      cols: 90,
      rows: 20,
    });
    try {
      shell.type('stty size; echo $DRAWBRIDGE_TEST\n');
      await shell.shows('20 90');
      await shell.shows('real-sshd');
      shell.resize(66, 33);
      shell.type('clear; stty size\n');
      await shell.shows('33 66');
      shell.type('exit 9\n');
      expect(await shell.exit()).toBe(9);
    } finally {
      shell.kill();
    }
  });

  it('moves files with sftp', async () => {
    const from = join(folder, 'from');
    writeFileSync(from, 'text\n');
    const batch = `put ${from} ${from}-2\nget ${from}-2 ${from}-3\n`;
    const args = ['-F', demo.document.sshConfig, '-b', '-', demo.host];
    expect(await runProgram('sftp', args, { input: batch })).toMatchObject({ status: 0 });
    expect((await runProgram('diff', [from, `${from}-3`])).status).toBe(0);
    await demo.auditEvent((event) => event.type === 'file.written' && event['path'] === `${from}-2`);
  });

  it('needs no agent: the bastion dials it itself, records it and counts its bytes', async () => {
    await addAgentlessHost(demo, port);
    const run = await demo.ssh([`${AGENTLESS}.acme`, 'cat; echo $DRAWBRIDGE_TEST; exit 41'], 'in\n');
    expect(run).toMatchObject({ status: 41, stdout: 'in\nreal-sshd\n' });
    const ended = await demo.auditEvent(({ type, host }) => type === 'session.ended' && host === AGENTLESS);
    expect(ended).toMatchObject({ bytesIn: 3, bytesOut: 13 });
    const from = join(folder, 'agentless');
    writeFileSync(from, 'text\n');
    const args = ['-q', '-F', demo.document.sshConfig, from, `${AGENTLESS}.acme:${from}-2`];
    expect(await runProgram('scp', args)).toMatchObject({ status: 0 });
    expect(readFileSync(`${from}-2`, 'utf8')).toBe('text\n');
  });

  it('names operator and session in its own log, beside the account', async () => {
    const run = await demo.ssh([demo.host, 'true']);
    expect(run.status).toBe(0);
    const { session } = await demo.auditEvent(
      ({ type, host }) => type === 'session.started' && host === 'web-1',
    );
    const log = readFileSync(join(folder, 'sshd.log'), 'utf8');
    const line = log.split('\n').find((one) => one.includes(`session=${session}`));
    expect(line).toMatch(/^Accepted publickey for \S+ from 127\.0\.0\.1 port \d+ ssh2: ED25519-CERT SHA256:/);
    expect(line).toContain(
      ` ID operator=${demo.document.operator.username},session=${session},bastion=acme (serial `,
    );
    expect(await signedInBy('web-1')).toBe('certificate');
  });

  it('is believed with another key once the customer has said so', async () => {
    const pinned = async () => (await demo.audit('bastion', ['--type', 'host.key_pinned'])).length;
    const before = await pinned();
    expect(await demo.customer(['hosts', 'forget-key', 'web-1'])).toMatchObject({ status: 0 });
    expect(await demo.customer(['hosts', 'forget-key', 'web-1'])).toMatchObject({ status: 1 });
    expect(await demo.ssh([demo.host, 'true'])).toMatchObject({ status: 0 });
    // One that says it was forgotten, one that the next is pinned.
    expect(await pinned()).toBe(before + 2);
  });

  it('lets the bastion in by a command that asks the agent, and by no other account than the agent lists', async () => {
    const config = demo.document.agents[0]?.config ?? '';
    const lines = (await runDrawbridge(['agent', 'authorized-keys', '--config', config])).stdout;
    const line = `from="127.0.0.1,::1" ${demo.document.bastion.sshClientKey}\n`;
    expect(lines).toBe(`cert-authority,${line}${line}`);
    const narrow = join(folder, 'narrow.yaml');
    writeFileSync(
      narrow,
      `${readFileSync(config, 'utf8').replace(/^logins:.*(\n +.*|\n-.*)*/m, '')}\nlogins: [deploy]\n`,
    );
    const dataDir = resolve(dirname(config), 'data');
    writeFileSync(narrow, readFileSync(narrow, 'utf8').replace(/^dataDir:.*/m, `dataDir: ${dataDir}`));
    const ask = (login: string) => runDrawbridge(['agent', 'authorized-keys', '--config', narrow, login]);
    expect(await ask('deploy')).toMatchObject({ status: 0, stdout: lines });
    expect(await ask('root')).toMatchObject({ status: 0, stdout: '' });
    if (process.getuid?.() !== 0) return;
    // sshd takes only a command that nobody but root can change: so the file of keys is emptied, and the command asked.
    const wrapper = '/run/sshd/drawbridge-test-keys';
    writeFileSync(
      wrapper,
      `#!/bin/sh\nexec ${process.execPath} ${builtCommand()} agent authorized-keys --config ${config} "$1"\n`,
      { mode: 0o755 },
    );
    const keys = join(folder, 'authorized_keys');
    writeFileSync(keys, '');
    try {
      expect(await demo.ssh([demo.host, 'true'])).toMatchObject({ status: 254 });
      await stopSshd();
      stopSshd = await startRealSshd(folder, port, keys, [
        `AuthorizedKeysCommand ${wrapper} %u`,
        'AuthorizedKeysCommandUser root',
      ]);
      expect(await demo.ssh([demo.host, 'echo in'])).toMatchObject({ status: 0, stdout: 'in\n' });
    } finally {
      rmSync(wrapper);
    }
  });

  it('lets the bastion in by its plain key where that alone is named, also at the first of one try', async () => {
    const keys = join(folder, 'authorized_keys');
    writeFileSync(keys, `${demo.document.bastion.sshClientKey}\n`);
    await stopSshd();
    stopSshd = await startRealSshd(folder, port, keys, ['MaxAuthTries 1']);
    expect(await demo.ssh([demo.host, 'echo in'])).toMatchObject({ status: 0, stdout: 'in\n' });
    expect(await signedInBy('web-1')).toBe('key');
    const config = demo.document.bastion.config;
    const { stdout } = await runDrawbridge(['doctor', '--config', config]);
    expect(stdout).toContain("The sshd on web-1 takes the bastion's key and not its certificates");
  });

  it('leaves the other host with its builtin shell', async () => {
    const run = await demo.ssh([demo.document.hosts[1] ?? '', 'echo "[$DRAWBRIDGE_TEST]"']);
    expect(run).toMatchObject({ status: 0, stdout: '[]\n' });
  });
});
