import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { openProxyAdministration } from '../../proxy/administration.ts';
import { loadProxyConfig } from '../../proxy/config.ts';
import { startProxy } from '../../proxy/main.ts';
import { initProxy } from '../../proxy/setup/init.ts';
import { systemClock } from '../../shared/clock.ts';
import { ControlClient } from '../../shared/control/client.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { freshEd25519 } from '../../shared/fresh-key.ts';
import { loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { signOperatorToken } from '../../shared/identity/operator-token.ts';
import { silentLogger } from '../../shared/log.ts';
import { parsePublicLine, publicLineOf } from '../../shared/ssh/keys.ts';
import { Uplink } from '../../shared/tunnel/uplink.ts';
import { echo } from '../support/proxy-front-door.ts';
import { startTestProxy } from '../support/running-proxy.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const DEPS = { clock: systemClock, log: silentLogger() };

/** A configuration for a proxy on free ports, not started. */
async function preparedProxy() {
  const dir = temporaryDirectory();
  const { configPath } = await initProxy({
    dir,
    name: 'central',
    host: '127.0.0.1',
    httpsPort: 0,
    sshPort: 0,
  });
  return loadProxyConfig(configPath);
}

describe('a proxy', () => {
  it('starts, says where it is, and is gone when it has stopped', async () => {
    const config = await preparedProxy();
    const role = await startProxy(config, DEPS);
    expect(role.addresses).toMatchObject({
      https: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      ssh: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    await Promise.all([role.stop('first'), role.stop('second')]);
    expect(await role.stopped).toBe('first');
    const again = await startProxy(config, DEPS);
    await again.stop('done');
  });

  it.each(['https', 'ssh'] as const)(
    'says which port is in use when %s cannot listen, and leaves nothing behind',
    async (part) => {
      const config = await preparedProxy();
      const holder = createServer();
      holder.listen(0, '127.0.0.1');
      await once(holder, 'listening');
      onTestFinished(() => {
        holder.close();
      });
      const address = holder.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      const start = startProxy({ ...config, [part]: { ...config[part], port } }, DEPS);
      await expect(start).rejects.toMatchObject({
        code: 'listen.in_use',
        message: expect.stringContaining(String(port)),
        hint: expect.any(String),
      });
      await (await startProxy(config, DEPS)).stop('done');
    },
  );

  it('refuses a data directory that another proxy has open', async () => {
    const config = await preparedProxy();
    const role = await startProxy(config, DEPS);
    await expect(startProxy(config, DEPS)).rejects.toMatchObject({ code: 'store.locked' });
    await expect(openProxyAdministration(config)).rejects.toMatchObject({ code: 'store.locked' });
    await role.stop('done');
  });

  it('keeps users, logins, bastions and its audit log across a restart', async () => {
    const dir = temporaryDirectory();
    const first = await startTestProxy({ dir });
    const user = await first.addUser('alice');
    await first.login(user);
    await first.joinBastion('acme', echo);
    await first.role.stop('restart');
    const config = await loadProxyConfig(`${dir}/proxy.yaml`);
    const role = await startProxy(config, DEPS);
    onTestFinished(() => role.stop('done'));
    const control = await ControlClient.connect(role.addresses['control'] ?? '');
    onTestFinished(() => control.close());
    expect(await control.call('user.list')).toMatchObject([{ username: 'alice', groups: ['support'] }]);
    expect(await control.call('bastion.list')).toMatchObject([{ name: 'acme' }]);
    const events = (await control.call('audit.ls', { limit: 1000 })) as unknown as { type: string }[];
    const types = events.map(({ type }) => type);
    for (const type of [
      'proxy.started',
      'user.added',
      'operator.signed_in',
      'bastion.joined',
      'proxy.stopped',
    ]) {
      expect(types).toContain(type);
    }
  });

  it('asks bastions to go elsewhere when it stops, and waits for live streams no longer than it was told', async () => {
    const proxy = await startTestProxy({ config: { drain: 500 } });
    const { uplink } = await proxy.joinBastion('acme', echo);
    const tunnel = uplink.pick();
    const { privateKey, publicKey } = freshEd25519();
    const publicLine = publicLineOf(publicKey);
    await proxy.login(await proxy.addUser('alice'), publicLine);
    const key = { privateKey, fingerprint: parsePublicLine(publicLine).fingerprint };
    const token = await signOperatorToken(key, proxy.identity.id, proxy.clock);
    const live = new WebSocket(`${proxy.url.replace('https', 'wss')}/connect?host=web-1.acme`, {
      ca: proxy.ca,
      headers: { authorization: `Bearer ${token}` },
    });
    live.on('error', () => undefined);
    await once(live, 'open');
    const closed = once(live, 'close');
    const startMs = performance.now();
    await proxy.role.stop('test');
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(490);
    expect(tookMs).toBeLessThan(20_000);
    await closed;
    await waitFor(() => tunnel?.signal.aborted === true);
  });
});

describe('a revoked bastion', () => {
  it('loses its tunnels at once and cannot dial in again, until it joins anew', async () => {
    const proxy = await startTestProxy();
    const { uplink } = await proxy.joinBastion('acme', echo);
    const tunnel = uplink.pick();
    const user = await proxy.addUser('alice');
    const { privateKey, publicKey } = freshEd25519();
    const publicLine = publicLineOf(publicKey);
    await proxy.login(user, publicLine);
    const { fingerprint } = parsePublicLine(publicLine);
    const token = await signOperatorToken({ privateKey, fingerprint }, proxy.identity.id, proxy.clock);
    const session = new WebSocket(`${proxy.url.replace('https', 'wss')}/connect?host=web-1.acme`, {
      ca: proxy.ca,
      headers: { authorization: `Bearer ${token}` },
    });
    session.on('error', () => undefined);
    await once(session, 'open');
    const cut = once(session, 'close');
    expect(await proxy.control.call('bastion.revoke', { name: 'acme' })).toEqual({ tunnels: 1 });
    await waitFor(() => tunnel?.signal.aborted === true, { timeoutMs: 1_000 });
    await cut;
    await proxy.auditHas('bastion.revoked', { bastion: 'acme' });
    await proxy.auditHas('tunnel.disconnected', { bastion: 'acme', reason: 'bastion.revoked' });
    await proxy.auditHas('bastion.refused');
    expect(await proxy.control.call('bastion.list')).toMatchObject([{ name: 'acme', online: false }]);
    await proxy.control.call('bastion.token', { name: 'acme' });
  });
});

describe('a bastion whose key was copied', () => {
  it('is audited once, when the two dial in turn', async () => {
    const proxy = await startTestProxy();
    const { identity, issuer, uplink } = await proxy.joinBastion('acme', echo);
    const thief = new Uplink({
      url: proxy.url,
      identity,
      peer: issuer,
      egress: createEgress({}, { env: {}, extraCa: [proxy.ca] }),
      tunnels: 1,
      onStream: echo,
      clock: proxy.clock,
      log: silentLogger(),
    });
    onTestFinished(() => thief.stop('test.finished', 'The test has finished.'));
    const connect = async (which: Uplink): Promise<void> => {
      which.start();
      await waitFor(() => which.pick());
    };
    await connect(thief);
    expect(await proxy.audit('bastion.duplicated')).toEqual([]);
    for (let again = 0; again < 2; again += 1) {
      await uplink.stop('test.cut', 'The network was away.');
      await connect(uplink);
    }
    await proxy.auditHas('bastion.duplicated', { bastionId: identity.id, sign: 'alternation' });
    expect(await proxy.audit('bastion.duplicated')).toHaveLength(1);
  });
});

describe('the administration', () => {
  it('works over the control socket, with an event under the name of who did it', async () => {
    const proxy = await startTestProxy();
    const added = await proxy.control.call('user.add', { username: 'alice', groups: ['dba', 'dba'] });
    expect(added).toMatchObject({
      username: 'alice',
      groups: ['dba'],
      password: expect.any(String),
      totpUri: expect.stringMatching(/^otpauth:/),
    });
    const event = await proxy.auditHas('user.added', { user: 'alice' });
    expect(event.actor).toMatch(/^local:/);
    const told = JSON.stringify(await proxy.audit());
    const { password, totpSecret } = added as { password: string; totpSecret: string };
    expect(told.includes(password) || told.includes(totpSecret)).toBe(false);
  });

  it.each([
    ['user.add', { username: 'Alice Liddell', groups: [] }, 'user.invalid_name'],
    ['user.add', { username: '../etc', groups: [] }, 'user.invalid_name'],
    ['user.add', { username: 'bob', groups: ['a\nb'] }, 'user.invalid_group'],
    ['user.add', { username: 'bob', groups: [], password: 'short' }, 'user.weak_password'],
    ['user.add', { user: 'bob' }, 'control.invalid'],
    ['user.disable', { username: 'nobody' }, 'user.unknown'],
    ['user.reset-mfa', { username: 'nobody' }, 'user.unknown'],
    ['user.key.add', { username: 'nobody', publicKey: 'x' }, 'user.unknown'],
    ['bastion.token', { name: 'acme.example' }, 'bastion.invalid_name'],
    ['bastion.revoke', { name: 'acme' }, 'bastion.unknown'],
    ['audit.ls', { limit: 100_000 }, 'control.invalid'],
    ['nonsense', {}, 'control.unknown_method'],
  ])('refuses %s %j with %s', async (method, params, code) => {
    const proxy = await startTestProxy();
    await expect(proxy.control.call(method, params)).rejects.toMatchObject({ code });
  });

  it('changes a second factor, so that the old one and the logins that it made end', async () => {
    const proxy = await startTestProxy();
    const user = await proxy.addUser('alice');
    const before = await proxy.login(user);
    expect(before.answer.status).toBe(200);
    await proxy.control.call('user.reset-mfa', { username: 'alice' });
    expect((await proxy.login(user)).answer.status).toBe(401);
    await proxy.auditHas('user.changed', { user: 'alice', change: 'mfa_reset' });
  });

  it('registers a key once, for one user', async () => {
    const proxy = await startTestProxy();
    const user = await proxy.addUser('alice');
    await proxy.addUser('bob');
    const { key } = await proxy.login(user);
    const taken = { username: 'bob', publicKey: key.publicLine };
    await expect(proxy.control.call('user.key.add', taken)).rejects.toMatchObject({ code: 'key.exists' });
    const bad = { username: 'bob', publicKey: 'ssh-ed25519 nonsense' };
    await expect(proxy.control.call('user.key.add', bad)).rejects.toMatchObject({ code: 'ssh.invalid_key' });
    expect(await proxy.control.call('user.key.list', { username: 'bob' })).toEqual([]);
  });

  it('also works while no proxy runs', async () => {
    const config = await preparedProxy();
    const { administration, close } = await openProxyAdministration(config);
    const { name, thumbprint } = await loadNodeIdentity(config.dataDir);
    await administration.users.add('local:root', { username: 'alice', groups: [] });
    const { token, command } = await administration.createBastionToken('local:root', 'acme');
    expect([name, token.endsWith(thumbprint)]).toEqual(['central', true]);
    expect(command).toBe(`drawbridge bastion join ${config.publicUrl} ${token}`);
    await close();
    const role = await startProxy(config, DEPS);
    const control = await ControlClient.connect(role.addresses['control'] ?? '');
    expect(await control.call('user.list')).toMatchObject([{ username: 'alice' }]);
    control.close();
    await role.stop('done');
  });
});
