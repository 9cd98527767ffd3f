import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import { ISOLATED, runProgram, runSsh } from '../support/ssh-client.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const SAY_ALL = ['-o', 'LogLevel=INFO'];
const HOUR_MS = 3_600_000;

function policyWith(lines: string): string {
  return `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: ['*'] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [shell, exec, sftp]
${lines}`;
}

async function bastionWith(
  lines: string,
  options: Parameters<typeof startTestBastion>[0] = {},
): Promise<TestBastion> {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    policy: policyWith(lines),
    ...options,
  });
  await bastion.accessOn();
  return bastion;
}

/** `08:05`, UTC. */
const timeOfDay = (timeMs: number): string => new Date(timeMs).toISOString().slice(11, 16);

test('a session ends with the window that allows it, is told why, and nobody comes in after', async () => {
  const clock = new ShiftedClock();
  const window = `{ from: '${timeOfDay(Date.now() - HOUR_MS)}', to: '${timeOfDay(Date.now() + HOUR_MS)}' }`;
  const bastion = await bastionWith(`    windows: [${window}]\n`, { deps: { clock } });
  const args = await bastion.sshArgs('web-1', LOGIN);
  const ssh = spawnSsh([...args, 'echo in; sleep 60']);
  await waitFor(() => ssh.seen.stdout.includes('in'));
  clock.advance(90 * 60_000);
  expect(await ssh.ended).not.toBe(0);
  expect(ssh.seen.stderr).toContain('Your time for this session is over');
  await bastion.auditHas('session.ended', { code: 'policy.window' });
  clock.shiftMs = 2 * HOUR_MS;
  const refused = await bastion.proxy
    .ask({
      host: 'web-1',
      pass: await bastion.proxy.pass({ auth_time: Math.floor(Date.now() / 1000) }),
    })
    .reply.catch((error: unknown) => error);
  // The stand-in's passes are of the real time: two hours later they are too old, whatever the window says.
  expect(refused).toMatchObject({ code: expect.stringMatching(/^(pass|policy)\./) });
});

test('outside of its window a role lets nobody in, and says from when it does', async () => {
  const from = timeOfDay(Date.now() + HOUR_MS);
  const bastion = await bastionWith(
    `    windows: [{ from: '${from}', to: '${timeOfDay(Date.now() + 2 * HOUR_MS)}' }]\n`,
  );
  const { reply } = bastion.proxy.ask({ host: 'web-1', pass: await bastion.proxy.pass({}) });
  await expect(reply).rejects.toMatchObject({
    code: 'policy.window',
    message: expect.stringContaining(`${from} UTC`),
  });
  await bastion.auditHas('operator.refused', { code: 'policy.window' });
});

test('access opened outside of the windows lets in whom a window keeps out, and for so long only', async () => {
  const closed = `{ from: '${timeOfDay(Date.now() + HOUR_MS)}', to: '${timeOfDay(Date.now() + 2 * HOUR_MS)}' }`;
  const bastion = await bastionWith(`    windows: [${closed}]\n`);
  await bastion.call('access.set', { state: 'on', forMs: HOUR_MS, outsideWindows: true });
  const ssh = spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo in; sleep 60']);
  await waitFor(() => ssh.seen.stdout.includes('in'));
  for (const end of ['forms', 'for'])
    await expect(bastion.call('access.set', { state: 'on', [end]: HOUR_MS })).rejects.toMatchObject({
      code: 'usage.params',
    });
  await bastion.call('access.set', { state: 'on', forMs: HOUR_MS });
  expect(await ssh.ended).not.toBe(0);
  await bastion.auditHas('session.ended', { code: 'policy.window' });
});

test('sessions at once and new ones in a minute are bounded, with the reason', async () => {
  const bastion = await bastionWith('    limits: { sessions: 1, new_per_minute: 2 }\n');
  const args = await bastion.sshArgs('web-1', LOGIN);
  const ask = async () => bastion.proxy.ask({ host: 'web-1', pass: await bastion.proxy.pass({}) }).reply;
  const first = spawnSsh([...args, 'echo in; sleep 60']);
  await waitFor(() => first.seen.stdout.includes('in'));
  await expect(ask()).rejects.toMatchObject({
    code: 'bastion.busy',
    message: expect.stringContaining('1 sessions'),
  });
  first.child.kill('SIGTERM');
  await waitFor(async () => ((await bastion.call('status')) as { liveSessions: number }).liveSessions === 0);
  expect((await runSsh([...args, 'echo two'])).stdout).toBe('two\n');
  await waitFor(async () => ((await bastion.call('status')) as { liveSessions: number }).liveSessions === 0);
  await expect(ask()).rejects.toMatchObject({
    code: 'bastion.busy',
    message: expect.stringContaining('2 new sessions a minute'),
  });
});

test('who comes from elsewhere is refused, and so is who comes from nowhere', async () => {
  const bastion = await bastionWith("    require: { source: ['192.0.2.0/24', '2001:db8::/32'] }\n");
  expect((await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo in'])).stdout).toBe('in\n');
  const ask = async (from: object) =>
    bastion.proxy.ask({ host: 'web-1', pass: await bastion.proxy.pass({}), ...from }).reply;
  await expect(ask({ source: '2001:db8::7' })).resolves.toMatchObject({ ok: true });
  await expect(ask({ source: '198.51.100.7' })).rejects.toMatchObject({ code: 'policy.source' });
  await expect(ask({})).rejects.toMatchObject({ code: 'policy.source' });
});

test('files go only the way that the policy allows, and no larger than it allows', async () => {
  const bastion = await bastionWith('    limits: { transfers: down, file_size: 200 kB }\n');
  const port = String(await bastion.proxy.bridge('web-1', () => ({})));
  const small = join(bastion.dir, 'small');
  const large = join(bastion.dir, 'large');
  writeFileSync(small, Buffer.alloc(200_000, 'a'));
  writeFileSync(large, Buffer.alloc(900_000, 'b'));
  const to = join(bastion.dir, 'to');
  const key = ['-i', bastion.operatorKey.path, '-P', port];
  const remote = (path: string): string => `${LOGIN}@127.0.0.1:${path}`;
  const scp = (...words: string[]) => runProgram('scp', [...ISOLATED, ...SAY_ALL, ...key, ...words]);

  expect((await scp(remote(small), to)).code).toBe(0);
  expect((await scp('-O', remote(small), to)).code).toBe(0);
  for (const words of [
    [remote(large), to],
    ['-O', remote(large), to],
  ]) {
    const { code, stderr } = await scp(...words);
    expect(code).not.toBe(0);
    expect(stderr).toContain('files of 200000 bytes');
  }
  const put = join(bastion.dir, 'put');
  for (const words of [
    [small, remote(put)],
    ['-O', small, remote(put)],
  ]) {
    const { code, stderr } = await scp(...words);
    expect(code).not.toBe(0);
    expect(stderr).toContain('does not allow files to be changed on the host');
  }
  expect(existsSync(put)).toBe(false);
  await bastion.auditHas('file.refused', { path: put });
  await bastion.auditHas('file.refused', { path: large });
  await bastion.auditHas('channel.refused', { kind: 'exec' });

  const batch = join(bastion.dir, 'batch');
  for (const line of [
    `rm ${small}`,
    `mkdir ${put}`,
    `rename ${small} ${put}`,
    `ln -s ${small} ${put}`,
    `chmod 0 ${small}`,
  ]) {
    writeFileSync(batch, `ls ${bastion.dir}\n${line}\n`);
    const { code } = await runProgram('sftp', [...ISOLATED, ...key, '-b', batch, `${LOGIN}@127.0.0.1`]);
    expect({ line, refused: code !== 0 }).toEqual({ line, refused: true });
  }
  expect(readdirSync(bastion.dir)).toContain('small');
  expect(existsSync(put)).toBe(false);
});
