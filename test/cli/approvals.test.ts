import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { captureCommand } from '../support/captured-command.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;

const POLICY = `version: 1
roles:
  - name: production
    groups: [support]
    hosts: { names: ['*'] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [exec]
    approval: { for: 2h }
`;

/** The command on the bastion's machine. */
function at(bastion: TestBastion) {
  const socket = ['--socket', join(bastion.config.dataDir, 'control.sock')];
  return (...words: string[]) => captureCommand([...words, ...socket]);
}

test('requests are seen, granted, refused and taken back by command, and operators locked out and let in again', async () => {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    policy: POLICY,
  });
  await bastion.accessOn();
  const run = at(bastion);
  const ssh = async () => {
    const reason = ['-o', 'SetEnv=DRAWBRIDGE_REASON="disk full"'];
    return spawnSsh([...reason, ...(await bastion.sshArgs('web-1', LOGIN)), 'echo in; sleep 60']);
  };
  const waiting = () =>
    waitFor(async () => {
      const { out } = await run('approvals', 'ls', '--json');
      return (JSON.parse(out) as { requests: { id: string }[] }).requests[0]?.id;
    });

  const none = await run('approvals', 'ls');
  expect(none).toMatchObject({ status: 0, err: 'No request waits.\nNo grant is in force.\n' });
  expect(await run('sessions', 'watch', 's-nobody')).toMatchObject({
    status: 1,
    err: expect.stringMatching(/^drawbridge: error: There is no session s-nobody\./),
  });
  expect(await run('approvals', 'grant', 'r-nobody')).toMatchObject({
    status: 1,
    err: expect.stringContaining('No request r-nobody waits.'),
  });

  const refused = await ssh();
  const first = await waiting();
  const list = await run('approvals', 'ls');
  for (const text of [first, 'alice (new)', `${LOGIN}@web-1`, 'exec echo in', '0 of 1', 'disk full'])
    expect(list.out).toContain(text);
  expect((await run('approvals', 'refuse', '--operator', 'bob', '--newcomers')).out).toBe(
    '0 requests are refused.\n',
  );
  for (const unclear of [[], [first, '--all'], ['--all', '--newcomers']])
    expect(await run('approvals', 'refuse', ...unclear)).toMatchObject({
      status: 2,
      err: expect.stringContaining('Say which requests to refuse.'),
    });
  expect(await run('approvals', 'refuse', first, '--message', 'Call me first.')).toMatchObject({
    status: 0,
    out: `Request ${first} is refused.\n`,
  });
  expect(await refused.ended).toBe(254);
  expect(refused.seen.stderr).toContain('did not approve it: Call me first.');

  const another = await ssh();
  await waiting();
  expect((await run('approvals', 'refuse', '--all')).out).toBe('1 request is refused.\n');
  expect(await another.ended).toBe(254);

  const granted = await ssh();
  const second = await waiting();
  expect(await run('approvals', 'grant', second, '--for', '3h')).toMatchObject({
    status: 1,
    err: expect.stringContaining('120 minutes at most'),
  });
  expect(await run('approvals', 'grant', second, '--for', '1h')).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^Granted until .* \(g-[a-z2-7]+\)\.\n$/),
  });
  await waitFor(() => granted.seen.stdout.includes('in'), { what: 'the session' });
  const inForce = (await run('approvals', 'ls')).out;
  const grant = /g-[a-z2-7]+/.exec(inForce)?.[0] ?? '';
  expect(inForce).toContain(`local:${LOGIN}`);
  expect((await run('sessions', 'ls', '--live')).out).toMatch(/busy|IDLE/);
  expect(await run('approvals', 'revoke', grant, '--message', 'done')).toMatchObject({
    status: 0,
    out: `Grant ${grant} is taken back; its sessions have ended.\n`,
  });
  expect(await granted.ended).not.toBe(0);
  await bastion.auditHas('approval.revoked', { grant, message: 'done', actor: `local:${LOGIN}` });

  expect((await run('operators', 'ls')).err).toBe('Nobody is locked out.\n');
  expect((await run('operators', 'lock', 'alice', '--reason', 'left the vendor')).out).toBe(
    'alice is locked out.\n',
  );
  expect((await run('operators', 'ls')).out).toMatch(/alice .* local:.* left the vendor/);
  expect(JSON.parse((await run('operators', 'ls', '--json')).out)).toMatchObject([{ operator: 'alice' }]);
  expect(await (await ssh()).ended).toBe(255);
  expect(bastion.proxy.refusals.at(-1)).toContain('does not let you in any more');
  expect((await run('operators', 'unlock', 'alice')).out).toBe('alice is no longer locked out.\n');
  expect(await run('operators', 'unlock', 'alice')).toMatchObject({
    status: 1,
    err: expect.stringContaining('alice is not locked out.'),
  });
});
