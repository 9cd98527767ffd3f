import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { IdentityTrust } from '../../../bastion/trust/identity-trust.ts';
import { openHome } from '../../../operator/home.ts';
import { listOperatorHosts } from '../../../operator/hosts.ts';
import { type ProviderSignIn, signInWithProvider } from '../../../operator/provider-sign-in.ts';
import { listProviders } from '../../../operator/providers.ts';
import { operatorEgress } from '../../../operator/proxy-api.ts';
import { requestRegistrationLink } from '../../../operator/security-key-sign-in.ts';
import type { ProviderConfig } from '../../../proxy/providers/config.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { verifyPass } from '../../../shared/identity/pass.ts';
import { FetchedKeys } from '../../../shared/identity/provider/fetched-keys.ts';
import { ID_TOKEN_ALGORITHMS } from '../../../shared/identity/provider/key-set.ts';
import { SeenOnce } from '../../../shared/identity/seen-once.ts';
import { silentLogger } from '../../../shared/log.ts';
import { launchBrowser, openWindow } from '../../support/browser.ts';
import { startConnectProxy } from '../../support/connect-proxy.ts';
import { startIdentityProvider, type TestIdentityProvider } from '../../support/identity-provider.ts';
import { startTestProxy } from '../../support/running-proxy.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A proxy that takes sign-ins of a real provider, and an operator's machine. */
async function proxyWithProvider(more: Partial<ProviderConfig> = {}) {
  const provider = await startIdentityProvider();
  const proxy = await startTestProxy({
    config: { providers: [provider.config(more)], egress: { caBundle: provider.caPath } },
  });
  const notes: string[] = [];
  const signIn = (how: Partial<ProviderSignIn> = {}) => {
    const home = openHome(join(temporaryDirectory(), 'home'), {});
    const login = signInWithProvider({
      proxyUrl: proxy.url,
      ca: `${proxy.ca}\n${provider.ca}`,
      home,
      env: {},
      command: ['drawbridge'],
      deviceCode: false,
      signal: AbortSignal.timeout(12_000),
      screen: {
        browse: async (url) => {
          notes.push(url.href);
          void provider.signIn(url.href).then((page) => notes.push(page));
        },
        deviceCode: ({ complete = '' }) => {
          void provider.signIn(complete).then((page) => notes.push(page));
        },
        note: (text) => notes.push(text),
      },
      ...how,
    });
    return { login, home };
  };
  return { provider, proxy, signIn, notes };
}

/** What a bastion with `trust: idp` would make of the pass. */
async function checkAsBastion(
  provider: TestIdentityProvider,
  proxy: Awaited<ReturnType<typeof startTestProxy>>,
  bastion: { readonly identity: { readonly id: string } },
  pass: string,
) {
  const { clock, identity: issuer } = proxy;
  const claims = await verifyPass(pass, {
    issuer,
    audience: bastion.identity.id,
    seen: new SeenOnce({ limit: 10, clock }),
    clock,
  });
  const egress = createEgress({ caBundle: provider.caPath }, { env: {} });
  const keys = await FetchedKeys.open({
    issuer: provider.issuer,
    egress,
    maxAgeMs: 3_600_000,
    clock,
    log: silentLogger(),
  });
  const { issuer: name, clientId, usernameClaim, groupsClaim, acrMeans } = provider.config();
  const rules = { issuer: name, clientId, usernameClaim, groupsClaim, acrMeans };
  const trust = new IdentityTrust({
    providers: [{ ...rules, keys, algorithms: [...ID_TOKEN_ALGORITHMS], maxLoginAgeMs: 8 * 3_600_000 }],
    clock,
  });
  return trust.check(claims);
}

describe('an operator with an identity provider', () => {
  it('signs in in the browser, and a bastion can check it without believing the proxy', async () => {
    const { provider, proxy, signIn, notes } = await proxyWithProvider();
    const passes: string[] = [];
    const bastion = await proxy.joinBastion('acme', (incoming) => {
      passes.push(String(incoming.request['pass']));
      incoming.accept({ hosts: [] }).end();
    });
    const { login, home } = signIn();
    expect(await login).toMatchObject({
      operator: { username: 'alice', groups: ['support'] },
      provider: { name: 'test', issuer: provider.issuer, clientId: 'drawbridge' },
    });
    expect(notes.at(-1)).toContain('You are signed in');
    const page = new URL(notes[0] ?? '');
    expect(page.searchParams.get('code_challenge_method')).toBe('S256');
    expect(page.searchParams.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    await proxy.auditHas('user.added', { user: 'alice', issuer: provider.issuer });
    await proxy.auditHas('operator.signed_in', {
      by: 'provider',
      provider: 'test',
      subject: 'subject-of-alice',
      committed: true,
      amr: ['pwd', 'otp', 'mfa'],
    });

    await listOperatorHosts(home, {});
    const claims = await checkAsBastion(provider, proxy, bastion, passes[0] ?? '');
    expect(claims).toMatchObject({
      sub: 'alice',
      groups: ['support'],
      amr: ['pwd', 'otp', 'mfa'],
      vouched_by: { issuer: provider.issuer, subject: 'subject-of-alice' },
    });
  });

  it('signs in in a real browser, which shows that the window can be closed', {
    timeout: 60_000,
  }, async () => {
    const { signIn } = await proxyWithProvider();
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const { page, faults } = await openWindow(browser);
    const { login } = signIn({
      screen: {
        browse: async (url) => {
          void page.goto(url.href).then(() => page.getByRole('button', { name: 'Sign in as alice' }).click());
        },
        deviceCode: () => undefined,
        note: () => undefined,
      },
    });
    expect((await login).operator.username).toBe('alice');
    await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
    // The browser asks for an icon by itself, which is not there.
    expect(faults.filter((fault) => !fault.includes('favicon'))).toEqual([]);
  });

  it('signs in with a device code, and is told that this is worth less', async () => {
    const { proxy, signIn, notes } = await proxyWithProvider();
    const passes: string[] = [];
    await proxy.joinBastion('acme', (incoming) => {
      passes.push(String(incoming.request['pass']));
      incoming.accept({ hosts: [] }).end();
    });
    const { login, home } = signIn({ deviceCode: true });
    expect((await login).operator.username).toBe('alice');
    expect(notes.join('\n')).toContain('does not tie a device code to your key');
    await proxy.auditHas('operator.signed_in', { by: 'provider', committed: false });
    await listOperatorHosts(home, {});
    const body = Buffer.from((passes[0] ?? '').split('.')[1] ?? '', 'base64url').toString();
    expect(JSON.parse(body)).not.toHaveProperty('idp');
  });

  it('gets in after the provider has changed its keys', async () => {
    const { provider, proxy, signIn } = await proxyWithProvider();
    await signIn().login;
    provider.rotateKeys();
    // Asked at most twice a minute, whatever tokens come.
    proxy.clock.advance(31_000);
    expect((await signIn().login).operator.username).toBe('alice');
  });

  it('is told when the provider names too many groups, or leaves them out', async () => {
    const { provider, signIn } = await proxyWithProvider();
    const { claims } = provider.person;
    claims['groups'] = Array.from({ length: 400 }, (_, index) =>
      createHash('sha256').update(String(index)).digest('hex').slice(0, 36),
    );
    const many = signIn();
    await expect(many.login).rejects.toMatchObject({ code: 'id_token.too_large' });
    expect(existsSync(many.home.keyPath)).toBe(false);
    delete claims['groups'];
    claims['_claim_names'] = { groups: 'src1' };
    await expect(signIn().login).rejects.toMatchObject({
      code: 'id_token.groups_overage',
      hint: expect.stringContaining('only the groups that are assigned'),
    });
  });

  it('keeps as many groups in a pass as keepGroups says', async () => {
    const { provider, signIn } = await proxyWithProvider({ keepGroups: ['drawbridge-*'] });
    provider.person.claims['groups'] = ['drawbridge-support', 'canteen', 'x-drawbridge-y'];
    expect((await signIn().login).operator.groups).toEqual(['drawbridge-support']);
  });

  it('takes over no account that was made here, nor that of another person', async () => {
    const { provider, proxy, signIn } = await proxyWithProvider();
    await proxy.addUser('bob');
    provider.person.claims['preferred_username'] = 'bob';
    await expect(signIn().login).rejects.toMatchObject({ code: 'login.account_taken' });
    provider.person.claims['preferred_username'] = 'alice';
    await signIn().login;
    provider.person.sub = 'somebody-else';
    await expect(signIn().login).rejects.toMatchObject({ code: 'login.account_taken' });
    await proxy.auditHas('operator.refused', { by: 'provider', reason: 'login.account_taken' });
  });

  it('stays out while the account is disabled, and gets the groups of the latest sign-in', async () => {
    const { provider, proxy, signIn } = await proxyWithProvider();
    await signIn().login;
    provider.person.claims['groups'] = 'night-shift';
    expect((await signIn().login).operator.groups).toEqual(['night-shift']);
    await proxy.control.call('user.disable', { username: 'alice' });
    await expect(signIn().login).rejects.toMatchObject({ code: 'login.disabled' });
  });

  it('gets no security key here, which would outlast what the provider says', async () => {
    const { proxy, signIn } = await proxyWithProvider();
    const { login, home } = signIn();
    await login;
    await expect(requestRegistrationLink(home, {})).rejects.toMatchObject({
      code: 'security_key.provider_account',
    });
    await expect(proxy.control.call('user.security-key.link', { username: 'alice' })).resolves.toBeDefined();
  });

  it("can't be stood in for with a token that was seen on its way", async () => {
    const { provider, proxy, signIn } = await proxyWithProvider();
    const passes: string[] = [];
    await proxy.joinBastion('acme', (incoming) => {
      passes.push(String(incoming.request['pass']));
      incoming.accept({ hosts: [] }).end();
    });
    const { login, home } = signIn();
    await login;
    await listOperatorHosts(home, {});
    const { idp } = JSON.parse(Buffer.from((passes[0] ?? '').split('.')[1] ?? '', 'base64url').toString());
    const { id_token: idToken, jwk, salt } = idp as { id_token: string; jwk: object; salt: string };
    const post = (body: object) => proxy.call('POST', '/api/login/provider', { provider: 'test', ...body });
    const thief = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32, 9).toString('base64url') };
    expect(await post({ idToken, jwk: thief, salt })).toMatchObject({
      status: 401,
      body: { code: 'login.provider_refused', message: 'The proxy did not accept your sign-in.' },
    });
    await proxy.auditHas('operator.refused', { by: 'provider', reason: 'id_token.not_bound' });
    expect(await post({ idToken, jwk, salt })).toMatchObject({
      status: 401,
      body: { code: 'id_token.expired' },
    });
    expect(await post({ provider: 'none', idToken, jwk, salt })).toMatchObject({ status: 404 });
    expect(provider.issuer).toContain('https://');
    for (let tries = 0; tries < 20; tries += 1) await post({ idToken, jwk: thief, salt });
    expect(await post({ idToken, jwk: thief, salt })).toMatchObject({
      status: 429,
      body: { code: 'login.limited' },
    });
  });

  it('gets out through an HTTP proxy, to the provider as well', async () => {
    const { provider, signIn } = await proxyWithProvider();
    const outbound = await startConnectProxy({ kind: 'relay' });
    const { login } = signIn({ env: { https_proxy: `http://127.0.0.1:${outbound.port}` } });
    expect((await login).operator.username).toBe('alice');
    const targets = outbound.targets.filter((target) => target === new URL(provider.issuer).host);
    // Its configuration, and the exchange of the code for the tokens.
    expect(targets).toHaveLength(2);
  });

  it('is told which providers there are', async () => {
    const { provider, proxy } = await proxyWithProvider({ deviceCode: false });
    expect(await listProviders(operatorEgress({}, proxy.ca), proxy.url)).toEqual([
      {
        name: 'test',
        title: 'Test Provider',
        issuer: provider.issuer,
        clientId: 'drawbridge',
        scopes: ['openid', 'profile'],
        maxAgeS: 3600,
        deviceCode: false,
        redirectUri: 'http://127.0.0.1/callback',
      },
    ]);
  });
});
