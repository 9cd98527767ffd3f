import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SessionSummary } from '../../bastion/service.ts';
import { readCast } from '../../recordings/cast-reader.ts';
import { digestFile } from '../../recordings/digest.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { ISOLATED, runProgram, runSsh } from '../support/ssh-client.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;

/** Banners and refusals of channels are shown from this level on, which is the client's own default. */
const SAY_ALL = ['-o', 'LogLevel=INFO'];

/** A bastion with one host, `web-1`, which is an agent's own SSH server behind a TCP port. */
function bastionWithHost(options: Parameters<typeof startTestBastion>[0] = {}): Promise<TestBastion> {
  return startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: { role: 'web' } }];
    },
    ...options,
  });
}

async function castText(path: string): Promise<string> {
  let text = '';
  for await (const line of readCast(path)) if (line.kind === 'event' && line.code === 'o') text += line.data;
  return text;
}

async function sessions(bastion: TestBastion): Promise<readonly SessionSummary[]> {
  return (await bastion.call('sessions.list', { limit: 100 })) as unknown as SessionSummary[];
}

async function lastEndedSession(bastion: TestBastion): Promise<SessionSummary> {
  return waitFor(async () => (await sessions(bastion)).find((session) => session.state === 'ended'));
}

describe('the whole path through a bastion', () => {
  let bastion: TestBastion;

  beforeEach(async () => {
    bastion = await bastionWithHost();
    await bastion.accessOn();
  });

  test('a command gives its output and its exit code, and nothing of ours', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const result = await runSsh([...args, 'echo out; echo err >&2; exit 42']);
    expect(result).toMatchObject({ code: 42, stdout: 'out\n', stderr: 'err\n' });
    const ended = await bastion.auditHas('exec.ended', { code: 42 });
    expect(ended).toMatchObject({ bytesOut: 8, bytesIn: 0, operator: 'alice', host: 'web-1', login: LOGIN });
    const session = await lastEndedSession(bastion);
    expect(session).toMatchObject({ operator: 'alice', source: '192.0.2.7', bytesOut: 8, bytesIn: 0 });
    const [recording] = session.recordings;
    expect(recording?.state).toBe('closed');
    expect(await castText(recording?.path ?? '')).toBe('out\nerr\n');
    expect(await digestFile(recording?.path ?? '')).toMatchObject({ sha256: recording?.sha256 ?? 'none' });
    await bastion.auditHas('recording.closed', { sha256: recording?.sha256 ?? 'none' });
  });

  test('a session ends with the login that it began with, and says so', async () => {
    const nearlyOver = Math.floor(Date.now() / 1000) - 8 * 3600 + 5;
    const args = await bastion.sshArgs('web-1', LOGIN, { auth_time: nearlyOver });
    const { code, stderr } = await runSsh([...SAY_ALL, ...args, 'sleep 60']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('Your login is over');
    await bastion.auditHas('session.ended', { code: 'login.expired' });
  });

  test('the events of a session come in the order in which it is let happen', async () => {
    await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'true']);
    await bastion.auditHas('session.ended');
    const types = (await bastion.audit()).map((event) => event.type);
    const of = (type: string) => types.indexOf(type as (typeof types)[number]);
    const order = ['operator.admitted', 'session.started', 'host.key_pinned', 'exec.ended', 'session.ended'];
    expect(order.map(of)).toEqual(order.map(of).sort((a, b) => a - b));
    expect(of('exec.started')).toBeGreaterThan(of('session.started'));
    expect(of('operator.admitted')).toBeGreaterThan(0);
  });

  test('a terminal is greeted, works, and is recorded as it was seen', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const result = await runSsh(['-tt', ...args], {
      input: 'stty size; echo $((6*7)) $TERM $DRAWBRIDGE_OPERATOR; exit 3\n',
      env: { TERM: 'xterm' },
    });
    expect(result.code).toBe(3);
    expect(result.stdout).toMatch(/^This session is recorded by acme \(s-[a-z2-7]{16}, /);
    expect(result.stdout).toContain('42 xterm alice');
    const [recording] = (await lastEndedSession(bastion)).recordings;
    expect(await castText(recording?.path ?? '')).toBe(result.stdout);
    expect(await bastion.auditHas('shell.ended', { code: 3 })).not.toHaveProperty('sha256In');
  });

  test('standard input of a command is counted and hashed', async () => {
    const input = randomBytes(300_000);
    const result = await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'sha256sum'], { input });
    const sha256In = createHash('sha256').update(input).digest('hex');
    expect(result.stdout).toContain(sha256In);
    await bastion.auditHas('exec.ended', { bytesIn: 300_000, sha256In });
  });

  test('binary output arrives whole and can be got back from the recording', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const file = join(bastion.dir, 'random');
    writeFileSync(file, randomBytes(3_000_000));
    const result = await runSsh([...args, `cat ${file}`]);
    expect(result.stdoutBytes.equals(readFileSync(file))).toBe(true);
    await bastion.auditHas('exec.ended', { bytesOut: 3_000_000 });
  });

  test('sftp moves files, and each is in the audit log with its hash', async () => {
    const port = await bastion.proxy.bridge('web-1', () => ({}));
    const from = join(bastion.dir, 'from');
    const to = join(bastion.dir, 'to');
    const content = randomBytes(200_000);
    writeFileSync(from, content);
    const batch = join(bastion.dir, 'batch');
    writeFileSync(batch, `put ${from} ${to}\n`);
    const result = await runProgram('sftp', [
      ...ISOLATED,
      '-i',
      bastion.operatorKey.path,
      '-P',
      String(port),
      '-b',
      batch,
      `${LOGIN}@127.0.0.1`,
    ]);
    expect(result.code).toBe(0);
    expect(readFileSync(to).equals(content)).toBe(true);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await bastion.auditHas('file.written', { path: to, sha256, bytes: 200_000, result: 'ok' });
  });

  test('access off cuts a flooding session at once, tells why, and nothing comes after', async () => {
    const ssh = spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'yes drawbridge']);
    await waitFor(() => ssh.seen.stdoutBytes > 1_000_000);
    const startMs = performance.now();
    await bastion.call('access.set', { state: 'off', reason: 'the work is done' });
    expect(await ssh.ended).toBe(255);
    expect(ssh.seen.lastOutputAtMs - startMs).toBeLessThan(5_000);
    expect(ssh.seen.stderr).toContain('Remote access to acme is turned off: the work is done.');
    await bastion.auditHas('session.ended', { code: 'access.off' });
    await bastion.auditHas('exec.ended');
    await waitFor(() => bastion.proxy.tunnels.size === 0, { what: 'the tunnels to be gone' });
  });

  test('access off tells somebody at a prompt, in the terminal', async () => {
    const ssh = spawnSsh(['-tt', ...(await bastion.sshArgs('web-1', LOGIN))]);
    await waitFor(() => ssh.seen.stdout.includes('recorded by acme'));
    ssh.child.stdin.write('echo re""ady\n');
    await waitFor(() => ssh.seen.stdout.includes('ready'));
    await bastion.call('access.set', { state: 'off' });
    expect(await ssh.ended).toBe(255);
    expect(ssh.seen.stdout + ssh.seen.stderr).toContain('Remote access to acme is turned off.');
  });

  test('access stays off across a restart, and on again lets operators in', async () => {
    await bastion.call('access.set', { state: 'off' });
    await bastion.restart();
    expect(await bastion.call('status')).toMatchObject({ access: { state: 'off' } });
    expect(bastion.proxy.tunnels.size).toBe(0);
    await bastion.accessOn();
    expect((await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo in'])).stdout).toBe('in\n');
    await bastion.restart();
    await waitFor(() => bastion.proxy.tunnels.size > 0);
    expect((await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo in'])).stdout).toBe('in\n');
  });

  test('stopping the bastion ends its sessions in order, and the access that was on is on again after', async () => {
    const ssh = spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo here; sleep 60']);
    await waitFor(() => ssh.seen.stdout.includes('here'));
    await bastion.restart();
    expect(await ssh.ended).toBe(255);
    expect(ssh.seen.stderr).toContain('acme is being stopped.');
    await bastion.auditHas('session.ended', { code: 'bastion.stopped' });
    expect(await bastion.audit('bastion.recovered')).toEqual([]);
    expect(await bastion.call('status')).toMatchObject({ access: { state: 'on' } });
  });

  test('an administrator ends a session with a message that its operator sees', async () => {
    const ssh = spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo here; sleep 60']);
    await waitFor(() => ssh.seen.stdout.includes('here'));
    const live = (await sessions(bastion)).find((session) => session.state === 'live');
    await bastion.call('sessions.end', { id: live?.id ?? '', message: 'Please call me.' });
    expect(await ssh.ended).toBe(255);
    expect(ssh.seen.stderr).toContain('Please call me.');
    const event = await bastion.auditHas('session.ended', { code: 'session.ended_by_admin' });
    expect(event['by']).toMatch(/^local:/);
  });

  test('a policy that no longer allows a session ends it', async () => {
    const ssh = spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo here; sleep 60']);
    await waitFor(() => ssh.seen.stdout.includes('here'));
    await bastion.call('policy.apply', { text: 'version: 1\nroles: []\n' });
    expect(await ssh.ended).toBe(255);
    expect(ssh.seen.stderr).toContain('The policy has changed');
    const [change] = (await bastion.audit('policy.changed')).slice(-1);
    expect(change?.['difference']).toContain('+ roles: []');
  });

  test('a key other than the one in the pass does not get in', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN, { cnf: `SHA256:${'A'.repeat(43)}` });
    const result = await runSsh([...args, 'true']);
    expect(result.code).toBe(255);
    await bastion.auditHas('operator.refused', { code: 'key.not_proved' });
    expect(await bastion.audit('operator.admitted')).toEqual([]);
  });

  test('a login that the policy does not name is refused, with the reason', async () => {
    const result = await runSsh([...SAY_ALL, ...(await bastion.sshArgs('web-1', 'mallory')), 'true']);
    expect(result.code).toBe(255);
    expect(result.stderr).toContain('does not let alice use the login mallory');
    await bastion.auditHas('operator.refused', { code: 'policy.login', login: 'mallory' });
  });

  test.each([
    ['an unknown host', 'nowhere', {}, 'host.unknown'],
    ['a group without a role', 'web-1', { groups: ['others'] }, 'host.unknown'],
    ['a sign-in without a second factor', 'web-1', { amr: ['pwd'] }, 'policy.mfa'],
    ['a pass for another bastion', 'web-1', { aud: 'b-aaaaaaaaaaaaaaaa' }, 'pass.wrong_audience'],
  ])('%s is refused before anything is opened', async (_what, host, claims, code) => {
    const { stream, reply } = bastion.proxy.ask({ host, pass: await bastion.proxy.pass(claims) });
    await expect(reply).rejects.toMatchObject({ code });
    stream.destroy();
    await bastion.auditHas('operator.refused', { code });
  });

  test('a pass works once', async () => {
    const pass = await bastion.proxy.pass({});
    const first = bastion.proxy.ask({ host: 'web-1', pass });
    await first.reply;
    const second = bastion.proxy.ask({ host: 'web-1', pass });
    await expect(second.reply).rejects.toMatchObject({ code: 'pass.replayed' });
    first.stream.destroy();
    second.stream.destroy();
  });

  test('the hosts that an operator may reach are listed, with logins, and no others', async () => {
    const allowed = bastion.proxy.ask({ kind: 'hosts', pass: await bastion.proxy.pass({}) });
    expect(await allowed.reply).toMatchObject({
      hosts: [
        { name: 'web-1', online: true, labels: { role: 'web' }, logins: expect.arrayContaining(['alice']) },
      ],
    });
    const others = bastion.proxy.ask({
      kind: 'hosts',
      pass: await bastion.proxy.pass({ groups: ['others'] }),
    });
    expect(await others.reply).toMatchObject({ hosts: [] });
    allowed.stream.destroy();
    others.stream.destroy();
  });

  test('a forward to where the policy allows carries bytes, counted and hashed', async () => {
    const server = createServer((socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await runSsh(['-W', `127.0.0.1:${port}`, ...(await bastion.sshArgs('web-1', LOGIN))]);
    expect(result.stdout).toBe('hello');
    const sha256Out = createHash('sha256').update('hello').digest('hex');
    await bastion.auditHas('forward.closed', { destination: `127.0.0.1:${port}`, bytesOut: 5, sha256Out });
  });

  test('a forward to elsewhere, and -R, are refused with a reason', async () => {
    const result = await runSsh([
      ...SAY_ALL,
      '-W',
      '192.0.2.1:80',
      ...(await bastion.sshArgs('web-1', LOGIN)),
    ]);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('does not allow alice a forward to 192.0.2.1:80');
    await bastion.auditHas('forward.refused', { destination: '192.0.2.1:80' });
    const remote = await runSsh([
      '-o',
      'ExitOnForwardFailure=yes',
      '-R',
      '0:localhost:1',
      ...(await bastion.sshArgs('web-1', LOGIN)),
      'true',
    ]);
    expect(remote.code).toBe(255);
    await bastion.auditHas('forward.refused', { destination: 'localhost:0', remote: true });
  });

  test('a failing recording ends the session, and what was shown is recorded', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const year = join(bastion.config.dataDir, 'recordings', String(new Date().getUTCFullYear()));
    expect(existsSync(year)).toBe(false);
    writeFileSync(year, 'a file where the folder should be');
    const result = await runSsh([...args, 'echo never']);
    expect(result.code).not.toBe(0);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('recording');
    expect(await bastion.audit('exec.started')).toEqual([]);
  });

  test('a host whose key has changed is refused', async () => {
    await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'true']);
    await bastion.auditHas('session.ended');
    const impostor = await startBuiltinHost({
      ...bastion.operatorKey,
      path: '',
    });
    onTestFinished(() => impostor.close());
    const [host] = bastion.config.hosts;
    if (host === undefined) throw new Error('no host');
    host.address.port = impostor.port;
    await bastion.restart();
    await waitFor(() => bastion.proxy.tunnels.size > 0);
    const result = await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'true']);
    expect(result.code).toBe(254);
    expect(result.stderr).toContain('instead of');
  });
});

describe('when the audit log fails', () => {
  test('at whichever append it fails, nothing runs of which there is no event', async () => {
    let failAt = Number.POSITIVE_INFINITY;
    let appends = 0;
    const bastion = await bastionWithHost({
      deps: {
        wrapAudit: (log) => ({
          append: async (event) => {
            const number = appends++;
            if (number >= failAt) throw new Error('the disk is gone');
            return log.append(event);
          },
        }),
      },
    });
    await bastion.accessOn();
    const mark = join(bastion.dir, 'mark');
    for (let number = 0; number < 7; number++) {
      const file = `${mark}-${number}`;
      const args = await bastion.sshArgs('web-1', LOGIN);
      const before = (await bastion.audit('exec.started')).length;
      failAt = appends + number;
      const result = await runSsh([...args, `touch ${file}; echo ran`]);
      failAt = Number.POSITIVE_INFINITY;
      const after = (await bastion.audit('exec.started')).length;
      if (after === before) {
        expect({ number, ran: existsSync(file), stdout: result.stdout }).toEqual({
          number,
          ran: false,
          stdout: '',
        });
        expect(result.code).not.toBe(0);
      }
      await waitFor(
        async () => ((await bastion.call('status')) as { liveSessions: number }).liveSessions === 0,
      );
    }
  });
});
