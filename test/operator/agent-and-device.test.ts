import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { enrolDevice, forgetDevice, readDevice } from '../../operator/device.ts';
import { openHome } from '../../operator/home.ts';
import { listOperatorHosts } from '../../operator/hosts.ts';
import { requestRegistrationLink, signInWithSecurityKey } from '../../operator/security-key-sign-in.ts';
import { signIn, signOut } from '../../operator/sign-in.ts';
import { startTestProxy, type TestProxy, type TestUser } from '../support/running-proxy.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

/** A real ssh-agent that ends with the test. */
async function startAgent(): Promise<NodeJS.ProcessEnv> {
  const socket = join(temporaryDirectory(), 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  onTestFinished(() => void agent.kill());
  await waitFor(() => existsSync(socket), { what: 'the agent to listen' });
  return { SSH_AUTH_SOCK: socket };
}

function placeAt(proxy: TestProxy, env: NodeJS.ProcessEnv = {}) {
  const home = openHome(join(temporaryDirectory(), 'home'), {});
  return { proxyUrl: proxy.url, ca: proxy.ca, home, env, command: ['drawbridge'] };
}

function factorsOf(user: TestUser) {
  return { username: user.username, password: user.password, code: user.freshCode() };
}

describe('a login with --agent', () => {
  it('leaves no private key in a file, works through the agent, and leaves the agent at logout', async () => {
    const proxy = await startTestProxy();
    const env = await startAgent();
    const place = placeAt(proxy, env);
    const login = await signIn({ ...place, ...factorsOf(await proxy.addUser('alice')), agent: true });
    const listed = (): string => {
      try {
        return execFileSync('ssh-add', ['-l'], { env: { ...process.env, ...env }, encoding: 'utf8' });
      } catch {
        return '';
      }
    };
    expect(listed()).toContain(login.key.fingerprint);
    expect(existsSync(place.home.keyPath)).toBe(false);
    const config = readFileSync(place.home.sshConfigPath, 'utf8');
    expect(config).toContain('id_ed25519.pub');
    expect(config).not.toContain('IdentityAgent none');
    expect(await listOperatorHosts(place.home, env)).toEqual([]);
    expect(await signOut(place.home, env)).toBeUndefined();
    expect(listed()).not.toContain(login.key.fingerprint);
    await proxy.auditHas('operator.signed_out', { operator: 'alice' });
  });

  it('is not begun when there is no agent, and the text says how to start one', async () => {
    const proxy = await startTestProxy();
    const options = { ...placeAt(proxy), username: 'alice', password: 'x', code: '000000', agent: true };
    await expect(signIn(options)).rejects.toMatchObject({ code: 'agent.none' });
  });
});

describe('a login with a shorter life', () => {
  it('lasts as long as was asked for, and never longer than the proxy allows', async () => {
    const proxy = await startTestProxy();
    const alice = await proxy.addUser('alice');
    const lifetimeOf = async (lifetimeMs: number): Promise<number> => {
      const login = await signIn({ ...placeAt(proxy), ...factorsOf(alice), lifetimeMs });
      return (Date.parse(login.key.expiresAt) - proxy.clock.nowMs()) / 60_000;
    };
    expect(await lifetimeOf(30 * 60_000)).toBeCloseTo(30, 0);
    expect(await lifetimeOf(100 * 3_600_000)).toBeCloseTo(480, 0);
  });
});

describe('a device', () => {
  it('is enrolled from a login, kept for its owner only, and proven by the next login', async () => {
    const proxy = await startTestProxy();
    const alice = await proxy.addUser('alice');
    const place = placeAt(proxy);
    await signIn({ ...place, ...factorsOf(alice) });
    const { id } = await enrolDevice(place.home, {}, 'laptop');
    expect(statSync(join(place.home.dir, 'device.json')).mode & 0o777).toBe(0o600);
    await expect(enrolDevice(place.home, {}, 'laptop')).rejects.toMatchObject({ code: 'device.exists' });
    await proxy.control.call('device.approve', { id });
    await signOut(place.home, {});
    expect(await readDevice(place.home)).toMatchObject({ id });
    await signIn({ ...place, ...factorsOf(alice) });
    await proxy.auditHas('operator.signed_in', { device: id });

    await proxy.control.call('device.revoke', { id });
    await expect(listOperatorHosts(place.home, {})).rejects.toMatchObject({
      code: 'operator.login_ended',
      message: 'This device has been revoked, and your login with it.',
    });
    expect([await forgetDevice(place.home), await forgetDevice(place.home)]).toEqual([true, false]);
  });
});

describe('a login with a security key', () => {
  it('shows the address and the code, and ends with a sentence when the browser refuses', async () => {
    const proxy = await startTestProxy({ config: { publicUrl: 'https://localhost:0' } });
    const named = { ...placeAt(proxy), proxyUrl: `https://localhost:${proxy.httpsPort}` };
    const deny = async (shown: { url: URL; code: string }): Promise<void> => {
      expect(shown.code).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
      await proxy.call('POST', '/api/sign-in/deny', { id: shown.url.hash.slice(1) });
    };
    const { signal } = new AbortController();
    await expect(signInWithSecurityKey(named, deny, signal)).rejects.toMatchObject({
      code: 'login.denied',
    });
  });

  it('can be given up, and goes to no other origin than the one that was named', async () => {
    const proxy = await startTestProxy({ config: { publicUrl: 'https://localhost:0' } });
    const giveUp = new AbortController();
    const named = { ...placeAt(proxy), proxyUrl: `https://localhost:${proxy.httpsPort}` };
    const cancelled = signInWithSecurityKey(named, async () => giveUp.abort(), giveUp.signal);
    await expect(cancelled).rejects.toMatchObject({ code: 'login.cancelled' });
    const elsewhere = signInWithSecurityKey(placeAt(proxy), async () => undefined, giveUp.signal);
    await expect(elsewhere).rejects.toMatchObject({ code: 'login.other_origin' });
  });

  it('may be followed by a link for one more key', async () => {
    const proxy = await startTestProxy();
    const place = placeAt(proxy);
    await signIn({ ...place, ...factorsOf(await proxy.addUser('alice')) });
    expect((await requestRegistrationLink(place.home, {})).url.pathname).toBe('/register');
  });
});
