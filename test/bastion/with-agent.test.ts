import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAgentConfig } from '../../agent/config.ts';
import { startAgent } from '../../agent/main.ts';
import { joinBastion } from '../../agent/setup/join.ts';
import { bastionPaths, loadBastionConfig } from '../../bastion/config.ts';
import { startBastion } from '../../bastion/main.ts';
import type { CreatedToken, HostSummary } from '../../bastion/service.ts';
import { initBastion } from '../../bastion/setup/init.ts';
import { joinProxy } from '../../bastion/setup/join.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { freePort } from '../support/free-port.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { startTestProxy } from '../support/running-proxy.ts';
import { runSsh } from '../support/ssh-client.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;

async function joinAgent(bastion: TestBastion, name: string, token?: string) {
  const created = (await bastion.call('token.create', {
    name,
    labels: { role: 'db' },
  })) as unknown as CreatedToken;
  const { configPath } = await joinBastion({
    dir: join(temporaryDirectory(), name),
    url: bastion.config.publicUrl,
    token: token ?? created.token,
    name,
  });
  const agent = await startAgent(await loadAgentConfig(configPath), {
    clock: systemClock,
    log: silentLogger(),
  });
  onTestFinished(() => agent.stop('the test has finished'));
  return { created, agent };
}

const hosts = async (bastion: TestBastion) => (await bastion.call('hosts.list')) as unknown as HostSummary[];

test('an agent joins with a token, serves a session, and is cut when it is revoked', async () => {
  const bastion = await startTestBastion();
  await bastion.accessOn();
  const { created } = await joinAgent(bastion, 'db-1');
  await waitFor(async () => (await hosts(bastion)).some((host) => host.name === 'db-1' && host.online));
  expect(await hosts(bastion)).toMatchObject([{ via: 'agent', target: 'builtin', labels: { role: 'db' } }]);
  const args = await bastion.sshArgs('db-1', LOGIN);
  expect(await runSsh([...args, 'echo $DRAWBRIDGE_OPERATOR; exit 5'])).toMatchObject({
    code: 5,
    stdout: 'alice\n',
  });
  const stranger = await runSsh([...(await bastion.sshArgs('db-1', 'alice')), 'true']);
  expect(stranger.stderr).toContain('does not let the bastion in as alice. The account may be missing there');
  for (const type of ['token.created', 'agent.joined', 'agent.connected'])
    await bastion.auditHas(type, { host: 'db-1' });

  await expect(
    joinBastion({
      dir: join(temporaryDirectory(), 'again'),
      url: bastion.config.publicUrl,
      token: created.token,
      name: 'db-1',
    }),
  ).rejects.toMatchObject({ code: 'enrolment.refused' });
  await bastion.auditHas('agent.refused');

  const ssh = spawnSsh([...(await bastion.sshArgs('db-1', LOGIN)), 'echo here; sleep 60']);
  await waitFor(() => ssh.seen.stdout.includes('here'));
  await bastion.call('hosts.revoke', { name: 'db-1' });
  expect(await ssh.ended).toBe(255);
  await bastion.auditHas('agent.disconnected', { host: 'db-1' });
  expect(await hosts(bastion)).toEqual([]);
  // Its dials are refused from now on.
  await waitFor(async () => (await bastion.audit('agent.refused')).length > 1);
});

test('a bastion stops in order while the tunnels of its agents stand', async () => {
  const bastion = await startTestBastion();
  await joinAgent(bastion, 'db-1');
  await waitFor(async () => (await hosts(bastion)).some((host) => host.name === 'db-1' && host.online));
  await bastion.role.stop('the test stops it');
  expect(await bastion.role.stopped).toBe('the test stops it');
});

test('an agent that was revoked stays away after the next start, also when that could not be entered', async () => {
  let failing = false;
  const bastion = await startTestBastion({
    deps: {
      wrapAudit: (log) => ({
        append: async (event) => {
          if (failing) throw new Error('the disk is gone');
          return log.append(event);
        },
      }),
    },
  });
  await joinAgent(bastion, 'db-1');
  await waitFor(async () => (await hosts(bastion)).some((host) => host.online));
  failing = true;
  await expect(bastion.call('hosts.revoke', { name: 'db-1' })).rejects.toThrow();
  expect(await hosts(bastion)).toEqual([]);
  failing = false;
  await bastion.restart();
  expect(await hosts(bastion)).toEqual([]);
});

test('a host that is not connected is refused with a sentence, and a name can not be taken twice', async () => {
  const bastion = await startTestBastion();
  await bastion.accessOn();
  const { agent } = await joinAgent(bastion, 'db-1');
  await waitFor(async () => (await hosts(bastion)).some((host) => host.online));
  await expect(bastion.call('token.create', { name: 'db-1' })).rejects.toMatchObject({ code: 'host.exists' });
  const ssh = spawnSsh([...(await bastion.sshArgs('db-1', LOGIN)), 'echo here; sleep 60']);
  await waitFor(() => ssh.seen.stdout.includes('here'));
  await agent.stop('test');
  await waitFor(async () => (await hosts(bastion)).every((host) => !host.online));
  // Stopped in order, which is not a connection that was lost: to the operator, in the audit log, in the list of hosts.
  expect(await ssh.ended).toBe(255);
  expect(ssh.seen.stderr).toContain('The agent on db-1 is being stopped.');
  await bastion.auditHas('session.ended', { host: 'db-1', code: 'host.stopped' });
  await waitFor(async () => (await hosts(bastion))[0]?.away?.code === 'agent.stopping');
  const { stream, reply } = bastion.proxy.ask({ host: 'db-1', pass: await bastion.proxy.pass({}) });
  await expect(reply).rejects.toMatchObject({ code: 'host.offline' });
  stream.destroy();
});

test('a bastion joins a real proxy with a token, once, and connects while access is on', async () => {
  const proxy = await startTestProxy();
  const { token } = (await proxy.control.call('bastion.token', { name: 'acme' })) as { token: string };
  const made = await initBastion({
    dir: temporaryDirectory(),
    name: 'acme',
    host: '127.0.0.1',
    httpsPort: await freePort(),
  });
  const config = await loadBastionConfig(made.configPath);
  const joined = await joinProxy({ config, url: proxy.url, token });
  expect(joined).toMatchObject({ url: proxy.url, issuer: { id: proxy.identity.id, role: 'proxy' } });
  expect(JSON.parse(readFileSync(bastionPaths(config).enrolment, 'utf8'))).toMatchObject({ url: proxy.url });
  await expect(joinProxy({ config, url: proxy.url, token })).rejects.toMatchObject({ code: 'join.already' });

  const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
  onTestFinished(() => role.stop('the test has finished'));
  await expect(startBastion(config, { clock: systemClock, log: silentLogger() })).rejects.toMatchObject({
    code: 'store.locked',
  });
  await expect(
    initBastion({ dir: join(made.configPath, '..'), name: 'acme', httpsPort: 1 }),
  ).rejects.toMatchObject({ code: 'init.exists' });
});
