import { userInfo } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { WITHDRAWN_KIND } from '../../../bastion/admission/withdrawals.ts';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { spawnSsh, startTestBastion } from '../../support/running-bastion.ts';

const LOGIN = userInfo().username;

test('what the proxy says when it takes back its word is in the terminal and in the log, as its claim and harmless', {
  timeout: 60_000,
}, async () => {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
  });
  await bastion.accessOn();
  const withdraw = (fields: Record<string, unknown>) => {
    const { stream, reply } = bastion.proxy.ask({ kind: WITHDRAWN_KIND, ...fields });
    stream.resume().end();
    return reply;
  };
  // Without a shell, so that it does not matter what is in somebody's start-up files.
  const connect = async (jti: string) =>
    spawnSsh(['-N', ...(await bastion.sshArgs('web-1', LOGIN, { jti }))]);
  const [ssh, other] = [await connect('one'), await connect('two')];
  await bastion.auditHas('session.started', { pass: 'one' });
  await bastion.auditHas('session.started', { pass: 'two' });

  await expect(withdraw({ message: 'of what?' })).rejects.toMatchObject({ code: 'stream.malformed' });
  await expect(withdraw({ pass: 'one' })).rejects.toMatchObject({ code: 'stream.malformed' });
  await withdraw({ pass: 'three', message: 'Nobody has this pass.' });
  expect([ssh.child.exitCode, other.child.exitCode]).toEqual([null, null]);

  await withdraw({
    pass: 'one',
    message: `Disabled.\u001b]0;owned\u0007\r\nacme: \u202e${'x'.repeat(2_000)}`,
  });
  expect(await ssh.ended).toBe(255);
  const { reason } = await bastion.auditHas('session.ended', { code: 'proxy.withdrew' });
  const said = 'The proxy central has ended this session and says: Disabled. ]0;owned acme: xxx';
  expect(reason).toContain(said);
  expect(String(reason).length).toBeLessThan(500);
  expect(String(reason)).not.toMatch(/\p{C}/u);
  expect(ssh.seen.stderr).toContain(said);
  expect(ssh.seen.stderr.replaceAll(/[\r\n]/g, '')).not.toMatch(/\p{C}/u);
  await bastion.auditHas('session.ended', { by: 'proxy:central' });
  expect(other.child.exitCode).toBeNull();
});
