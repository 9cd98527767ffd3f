import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { signInAtPage } from '../support/page-fixture.ts';
import { totpCode } from '../support/totp.ts';

let browser: Browser;
let web: BastionWeb;
let window: BrowserWindow;
/** By name, since WebAuthn takes no IP address. */
let url: string;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  web = await startBastionWeb();
  url = web.url.replace('127.0.0.1', 'localhost');
  window = await openWindow(browser);
});
afterEach(async () => {
  await window.close();
  await web.close();
});

async function signInAs(role: 'viewer' | 'admin', path: string) {
  const credentials = await web.addAdmin('root', role);
  await signInAtPage(window.page, url, { username: 'root', ...credentials }, path);
  return window.page;
}

/** An authenticator in the window's browser; `verifies`: it has a PIN, finger or face. */
async function plugIn(page: Page, verifies: boolean): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'usb',
      hasResidentKey: true,
      hasUserVerification: verifies,
      isUserVerified: verifies,
    },
  });
}

test('a security key that verifies its user is added, signs in alone, and is removed', async () => {
  const page = await signInAs('viewer', '/account');
  await plugIn(page, true);
  await page.getByRole('button', { name: 'Add a security key…' }).click();
  await page.getByLabel('Name').fill('blue key');
  await page.getByRole('button', { name: 'Ask the key' }).click();
  await page.getByText('blue key').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Use a security key or passkey' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  const signedIn = web.service.events.filter(({ type }) => type === 'admin.signed_in').at(-1);
  expect(signedIn).toMatchObject({ actor: 'admin:root', by: 'security_key', key: 'blue key' });
  await page.goto(`${url}/account`);
  await page.getByRole('button', { name: 'Remove blue key' }).click();
  const question = page.getByRole('dialog', { name: 'Remove blue key?' });
  await question.getByRole('button', { name: 'Keep it' }).click();
  await question.waitFor({ state: 'detached' });
  expect(await web.admins.securityKeys.list('root')).toHaveLength(1);
  await page.getByRole('button', { name: 'Remove blue key' }).click();
  await question.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('blue key', { exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Use a security key or passkey' }).click();
  await page.getByRole('alert').getByText('The security key was not accepted.').waitFor();
});

test('a security key that does not verify its user is not taken', async () => {
  const page = await signInAs('viewer', '/account');
  await plugIn(page, false);
  await page.getByRole('button', { name: 'Add a security key…' }).click();
  await page.getByRole('button', { name: 'Ask the key' }).click();
  await page.getByRole('alert').waitFor();
  expect(await web.admins.securityKeys.list('root')).toEqual([]);
});

test('an administrator is added, sets themselves up by the link, gets another role, is signed out and removed', async () => {
  const page = await signInAs('admin', '/settings');
  await page.getByRole('button', { name: 'Add an administrator…' }).click();
  await page.getByLabel('User name').fill('dave');
  await page.getByRole('button', { name: 'Make a set-up link' }).click();
  const dialog = page.getByRole('dialog', { name: 'Set-up link for dave' });
  const link = await dialog.locator('code').textContent();
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByText(/set-up link, until/).waitFor();

  const other = await openWindow(browser);
  await other.page.goto(String(link));
  await other.page.getByText('You are dave').waitFor();
  await other.page.getByRole('img', { name: 'Secret for your authenticator app' }).waitFor();
  const secret = String(await other.page.locator('.copy-line code').textContent());
  await other.page.getByLabel('New password').fill('a much longer sentence');
  await other.page.getByLabel('The code that').fill(totpCode(secret, Date.now()));
  await other.page.getByRole('button', { name: 'Set up and sign in' }).click();
  await other.page.getByRole('navigation', { name: 'Main' }).waitFor();
  expect(other.page.url()).not.toContain(String(link).split('#')[1]);
  expect(other.faults).toEqual([]);
  await other.page.goto(String(link));
  await other.page.getByRole('alert').getByText('This link was used already').waitFor();
  await other.page.goto(`${url}/hosts`);

  await page.getByRole('button', { name: 'Change the role of dave' }).click();
  await page.getByRole('dialog').getByText('approver').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect((await web.admins.list()).find(({ username }) => username === 'dave')?.role).toBe('approver');
  await page.getByRole('button', { name: 'Sign out dave' }).click();
  await page.getByRole('dialog').getByText('at 1 place at once').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await other.page.getByText('Your sign-in has ended').waitFor();
  await page.getByRole('button', { name: 'Sign out dave' }).waitFor({ state: 'detached' });
  // Oneself is signed out under the account, place by place.
  expect(await page.getByRole('button', { name: 'Sign out root' }).count()).toBe(0);

  await page.getByRole('button', { name: 'Remove dave' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Remove dave' }).waitFor({ state: 'detached' });
  await other.close();
});

test('an API token is revoked only after a question', async () => {
  await web.admins.tokens.create('monitoring', 'viewer', 'system');
  const page = await signInAs('admin', '/settings');
  await page.getByRole('button', { name: 'Revoke monitoring' }).click();
  const question = page.getByRole('dialog', { name: 'Revoke monitoring?' });
  await question.getByText('Programs that use it are refused at once.').waitFor();
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  expect(await web.admins.tokens.list()).toHaveLength(1);
  await page.getByRole('button', { name: 'Revoke monitoring' }).click();
  await question.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('No API tokens').waitFor();
  expect(await web.admins.tokens.list()).toEqual([]);
});

test('settings show whom the bastion trusts, by fingerprint, and a viewer no administrators', async () => {
  const page = await signInAs('viewer', '/settings');
  await page.getByText('cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s').waitFor();
  await page.getByText('syslog, siem.acme.example:6514').waitFor();
  await page.getByText('for 90 days').waitFor();
  expect(await page.getByRole('button', { name: /administrator|token/ }).count()).toBe(0);
});
