import type { Browser, CDPSession, Page } from 'playwright-core';
import { encode } from 'uqr';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseOpenSshEd25519 } from '../../../operator/login-key.ts';
import { totpUriOf } from '../../../proxy/accounts/one-time-code.ts';
import { signOperatorToken } from '../../../shared/identity/operator-token.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../../support/browser.ts';
import { startTestProxy, type TestProxy, type TestUser } from '../../support/running-proxy.ts';
import { totpCode } from '../../support/totp.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

interface Authenticator {
  readonly cdp: CDPSession;
  readonly id: string;
}

/** A proxy that is reached by a name, since WebAuthn takes no IP address, and a window. */
async function opened(): Promise<{ proxy: TestProxy; window: BrowserWindow; url: string; alice: TestUser }> {
  const proxy = await startTestProxy({ config: { publicUrl: 'https://localhost:0' } });
  const window = await openWindow(browser);
  onTestFinished(() => window.close());
  const alice = await proxy.addUser('alice');
  return { proxy, window, url: `https://localhost:${proxy.httpsPort}`, alice };
}

/** An authenticator that is plugged into the window's browser; `verifies`: it has a PIN, finger or face. */
async function plugIn(page: Page, options: { verifies: boolean; synced?: boolean }): Promise<Authenticator> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: options.synced === true ? 'internal' : 'usb',
      hasResidentKey: true,
      hasUserVerification: options.verifies,
      isUserVerified: options.verifies,
      ...(options.synced === true ? { defaultBackupEligibility: true, defaultBackupState: true } : {}),
    },
  });
  return { cdp, id: authenticatorId };
}

async function linkFor(proxy: TestProxy, username = 'alice'): Promise<string> {
  const { url } = (await proxy.control.call('user.security-key.link', { username })) as {
    readonly url: string;
  };
  return url;
}

async function register(page: Page, link: string, name: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(link);
  await page.getByLabel('Name of the key').fill(name);
  await page.getByRole('button', { name: 'Register' }).click();
}

/** What `drawbridge login` asks first. */
async function begin(proxy: TestProxy) {
  const key = generateSshKey('login');
  const { body } = await proxy.call('POST', '/api/sign-in', { publicKey: key.publicLine });
  const own = { id: String(body['id']), secret: String(body['secret']) };
  return { key, own, url: String(body['url']), code: String(body['code']) };
}

async function approve(page: Page, url: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(url);
  await page.getByLabel('My own terminal shows this code').check();
  await page.getByRole('button', { name: 'Use a security key' }).click();
}

describe('a security key that verifies its user', () => {
  it('is registered with a link, once, and signs in without password and code', async () => {
    const { proxy, window, alice } = await opened();
    void alice;
    const { page } = window;
    await plugIn(page, { verifies: true });
    const link = await linkFor(proxy);
    await register(page, link, 'yubikey');
    await page.getByText('The security key "yubikey" is registered for alice.').waitFor();

    const { own, url, code } = await begin(proxy);
    expect((await proxy.call('POST', '/api/sign-in/finish', own)).status).toBe(410);
    await page.goto('about:blank');
    await page.goto(url);
    await page.getByText(code).waitFor();
    expect(await page.getByRole('button', { name: 'Use a security key' }).isDisabled()).toBe(true);
    expect((await proxy.call('POST', '/api/sign-in/state', own)).body).toEqual({ state: 'waiting' });
    await page.getByLabel('My own terminal shows this code').check();
    await page.getByRole('button', { name: 'Use a security key' }).click();
    await page.getByText('You are signed in as alice.').waitFor();
    expect((await proxy.call('POST', '/api/sign-in/state', own)).body).toEqual({ state: 'approved' });

    const wrong = { ...own, secret: 'guessed' };
    expect((await proxy.call('POST', '/api/sign-in/finish', wrong)).status).toBe(410);
    const login = await proxy.call('POST', '/api/sign-in/finish', own);
    expect(login).toMatchObject({
      status: 200,
      body: { operator: { username: 'alice' }, amr: ['hwk', 'user', 'uv', 'mfa'] },
    });
    expect((await proxy.call('POST', '/api/sign-in/finish', own)).status).toBe(410);
    await proxy.auditHas('operator.signed_in', { by: 'security_key', securityKey: 'yubikey' });
    expect(window.faults).toEqual([]);

    await page.goto('about:blank');
    await page.goto(link);
    await page.getByText('This link was used already').waitFor();
  });

  it('that its platform syncs counts as software, and an operator may have several', async () => {
    const { proxy, window } = await opened();
    const { page } = window;
    const first = await plugIn(page, { verifies: true });
    await register(page, await linkFor(proxy), 'yubikey');
    await page.getByText('is registered for alice').waitFor();
    await first.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: first.id });
    await plugIn(page, { verifies: true, synced: true });
    await register(page, await linkFor(proxy), 'phone');
    await page.getByText('is registered for alice').waitFor();
    expect(await proxy.control.call('user.security-key.list', {})).toMatchObject([
      { username: 'alice', name: 'yubikey', deviceBound: true },
      { username: 'alice', name: 'phone', deviceBound: false },
    ]);
    const { own, url } = await begin(proxy);
    await approve(page, url);
    await page.getByText('You are signed in').waitFor();
    expect((await proxy.call('POST', '/api/sign-in/finish', own)).body['amr']).toEqual([
      'swk',
      'user',
      'uv',
      'mfa',
    ]);
    await proxy.control.call('user.security-key.remove', { username: 'alice', name: 'phone' });
    const again = await begin(proxy);
    await approve(page, again.url);
    await page.getByRole('alert').getByText('The security key was not accepted.').waitFor();
    await proxy.auditHas('operator.refused', { reason: 'unknown_security_key' });
  });

  it('whose counter goes back was copied, and is refused', async () => {
    const { proxy, window } = await opened();
    const { page } = window;
    const authenticator = await plugIn(page, { verifies: true });
    await register(page, await linkFor(proxy), 'yubikey');
    await page.getByText('is registered for alice').waitFor();
    const { cdp, id } = authenticator;
    const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId: id });
    const [credential] = credentials;
    if (credential === undefined) throw new Error('nothing was registered');
    const first = await begin(proxy);
    await approve(page, first.url);
    await page.getByText('You are signed in').waitFor();
    // The copy, as it was before the sign-in.
    await cdp.send('WebAuthn.removeCredential', {
      authenticatorId: id,
      credentialId: credential.credentialId,
    });
    await cdp.send('WebAuthn.addCredential', {
      authenticatorId: id,
      credential: { ...credential, signCount: 0 },
    });
    const second = await begin(proxy);
    await approve(page, second.url);
    await page.getByRole('alert').getByText('The security key was not accepted.').waitFor();
    await proxy.auditHas('operator.refused', { reason: 'security_key_counter', operator: 'alice' });
  });
});

describe('a security key that does not verify its user', () => {
  it('is not registered, and does not sign in when it has stopped to verify', async () => {
    const { proxy, window } = await opened();
    const { page } = window;
    const without = await plugIn(page, { verifies: false });
    await register(page, await linkFor(proxy), 'old key');
    await page.getByRole('alert').waitFor();
    expect(await proxy.control.call('user.security-key.list', {})).toEqual([]);
    await without.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: without.id });

    const { cdp, id } = await plugIn(page, { verifies: true });
    await register(page, await linkFor(proxy), 'yubikey');
    await page.getByText('is registered for alice').waitFor();
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false });
    const { own, url } = await begin(proxy);
    await approve(page, url);
    await page.getByRole('alert').waitFor();
    expect((await proxy.call('POST', '/api/sign-in/state', own)).body).toEqual({ state: 'waiting' });
  });

  it('is refused by the proxy too when a browser lets it pass', async () => {
    const { proxy, window } = await opened();
    const { page } = window;
    const { cdp, id } = await plugIn(page, { verifies: true });
    await register(page, await linkFor(proxy), 'yubikey');
    await page.getByText('is registered for alice').waitFor();
    const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId: id });
    await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: id });
    const without = await plugIn(page, { verifies: false });
    for (const credential of credentials)
      await without.cdp.send('WebAuthn.addCredential', { authenticatorId: without.id, credential });
    const allowCredentials = credentials.map(({ credentialId }) => ({
      type: 'public-key',
      id: Buffer.from(credentialId, 'base64').toString('base64url'),
    }));
    // The page asks for less than it was told to.
    await page.route(/\/api\/sign-in\/challenge$/, async (route) => {
      const response = await route.fetch();
      const options = (await response.json()) as object;
      await route.fulfill({
        response,
        json: { ...options, allowCredentials, userVerification: 'discouraged' },
      });
    });
    const { own, url } = await begin(proxy);
    await approve(page, url);
    expect(await page.getByRole('alert').textContent()).toContain('The security key was not accepted.');
    await proxy.auditHas('operator.refused', { reason: 'security_key_unverified', operator: 'alice' });
    expect((await proxy.call('POST', '/api/sign-in/state', own)).body).toEqual({ state: 'waiting' });
  });
});

describe('a sign-in by browser', () => {
  it('is over when the factors are reset between the touch of the key and the login', async () => {
    const { proxy, window } = await opened();
    const { page } = window;
    await plugIn(page, { verifies: true });
    await register(page, await linkFor(proxy), 'yubikey');
    await page.getByText('is registered for alice').waitFor();
    const { own, url } = await begin(proxy);
    await approve(page, url);
    await page.getByText('You are signed in').waitFor();
    await proxy.control.call('user.reset-mfa', { username: 'alice' });
    expect((await proxy.call('POST', '/api/sign-in/finish', own)).body['code']).toBe('sign_in.over');
  });

  it('is over when the person at the page says that it was not theirs', async () => {
    const { proxy, window } = await opened();
    const { own, url } = await begin(proxy);
    await window.page.goto(url);
    await window.page.getByRole('button', { name: 'This was not me' }).click();
    await window.page.getByText('Nobody was signed in.').waitFor();
    expect((await proxy.call('POST', '/api/sign-in/state', own)).body).toEqual({ state: 'denied' });
    await proxy.auditHas('operator.refused', { reason: 'denied_in_browser' });
  });

  it('answers a challenge once, takes no made-up answer, and is over after ten minutes', async () => {
    const { proxy } = await opened();
    const { own, code } = await begin(proxy);
    const response = {
      id: 'AAAA',
      rawId: 'AAAA',
      type: 'public-key',
      clientExtensionResults: {},
      response: { clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' },
    };
    const answer = { id: own.id, response };
    expect((await proxy.call('POST', '/api/sign-in/answer', answer)).status).toBe(410);
    expect((await proxy.call('POST', '/api/sign-in/challenge', { id: own.id })).status).toBe(200);
    expect((await proxy.call('POST', '/api/sign-in/answer', answer)).body['code']).toBe('login.refused');
    expect((await proxy.call('POST', '/api/sign-in/answer', answer)).status).toBe(410);
    expect((await proxy.call('POST', '/api/sign-in/show', { id: own.id })).body).toMatchObject({ code });
    proxy.clock.advance(10 * 60_000);
    expect((await proxy.call('POST', '/api/sign-in/show', { id: own.id })).status).toBe(410);
  });

  it('is not offered when the proxy is reached by an IP address, and the text says why', async () => {
    const proxy = await startTestProxy();
    const { publicLine } = generateSshKey('login');
    const answer = await proxy.call('POST', '/api/sign-in', { publicKey: publicLine });
    expect(answer.body['code']).toBe('security_key.no_domain');
  });

  it('has a page that allows nothing from elsewhere, nothing inline, and no frame', async () => {
    const { window, url } = await opened();
    const response = await window.page.goto(`${url}/sign-in`);
    const headers = response?.headers() ?? {};
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['referrer-policy']).toBe('no-referrer');
    await window.page.getByText('Open the whole link').waitFor();
    expect(window.faults).toEqual([]);
  });

  it('gives an operator a link for a further key only while the login is fresh', async () => {
    const { proxy, alice } = await opened();
    const { key } = await proxy.login(alice);
    const { fingerprint } = parsePublicLine(key.publicLine);
    const privateKey = parseOpenSshEd25519(key.privateKey);
    const token = () => signOperatorToken({ privateKey, fingerprint }, proxy.identity.id, proxy.clock);
    const ask = async () =>
      proxy.call('POST', '/api/operator/security-keys', {}, { authorization: `Bearer ${await token()}` });
    expect((await ask()).body['url']).toMatch(/\/register#/);
    proxy.clock.advance(11 * 60_000);
    expect((await ask()).body['code']).toBe('login.not_fresh');
  });
});

describe('an authenticator', () => {
  it('is set up on the page by its QR code, and shows its recovery codes once', async () => {
    const { proxy, window, alice } = await opened();
    const { page } = window;
    const { url } = (await proxy.control.call('user.authenticator.link', { username: 'alice' })) as {
      readonly url: string;
    };
    await page.goto(url);
    expect(page.url()).not.toContain('#');
    await page.getByText('Type it instead').click();
    const totpSecret = (await page.locator('.secret').textContent())?.replaceAll(' ', '') ?? '';
    expect(totpSecret).toMatch(/^[A-Z2-7]{16,}$/);
    const drawn = await page.getByRole('img').locator('path').getAttribute('d');
    const { data } = encode(totpUriOf('central', 'alice', totpSecret), { border: 4 });
    expect(drawn?.split('M').length).toBe(data.flat().filter((dark) => dark).length + 1);

    await page.getByLabel('The code that it shows now').fill('000000');
    await page.getByRole('button', { name: 'Set it up' }).click();
    await page.getByText('This is not the code that your authenticator shows.').waitFor();
    await page.getByLabel('The code that it shows now').fill(totpCode(totpSecret, proxy.clock.nowMs()));
    await page.getByRole('button', { name: 'Set it up' }).click();
    await page.getByText('The authenticator counts for alice from now on.').waitFor();
    expect(await page.locator('.codes li').count()).toBe(10);

    expect((await proxy.login(alice)).answer.status).toBe(401);
    await proxy.auditHas('user.changed', { user: 'alice', change: 'authenticator_set_up' });
    await page.goto('about:blank');
    await page.goto(url);
    await page.getByText('This link was used already').waitFor();
    // The refusals that the page has shown.
    expect(window.faults.filter((fault) => !/40|42|41/.test(fault))).toEqual([]);
  });
});
