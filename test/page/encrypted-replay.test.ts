import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateAgeKeyPair } from '../../recordings/encryption/age-identity.ts';
import { parseAgeRecipient } from '../../recordings/encryption/age-recipient.ts';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { signInAtPage } from '../support/page-fixture.ts';

let browser: Browser;
let web: BastionWeb;
let window: BrowserWindow;
beforeAll(async () => {
  browser = await launchBrowser();
  web = await startBastionWeb();
  window = await openWindow(browser);
  await signInAtPage(window.page, web.url, { username: 'carol', ...(await web.addAdmin('carol', 'viewer')) });
});
afterAll(async () => {
  const { faults } = window;
  await window.close();
  await web.close();
  await browser.close();
  // Before signing in, the page asks who is there.
  expect(faults.filter((fault) => !fault.includes('/api/me'))).toEqual([]);
});

/** A long line first, so that the recording has several chunks. */
const CAST = [
  [0.1, 'o', `${'x'.repeat(70_000)}\u001b[2J\u001b[H`],
  [0.2, 'o', 'the encrypted words ✓\r\n'],
] as const;

test('an encrypted recording is opened in the browser with the private key, which is not sent', async () => {
  const { identity, recipient } = await generateAgeKeyPair();
  const { identity: other } = await generateAgeKeyPair();
  const { id } = await web.service.addSession({ cast: CAST, encryptTo: parseAgeRecipient(recipient) });
  const { page } = window;
  const sent: string[] = [];
  page.on('request', (request) => sent.push(request.url() + (request.postData() ?? '')));
  await page.goto(`${web.url}/sessions/${id}`);
  await page.getByRole('button', { name: 'Replay' }).click();
  const key = page.getByLabel('Private key');
  await key.fill('nonsense');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('alert').getByText('no private key of age').waitFor();
  await key.fill(other);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('alert').getByText('encrypted to others').waitFor();
  await key.fill(`# public key: ${recipient}\n${identity}`);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.locator('.ap-player').getByText('the encrypted words ✓').waitFor();
  expect(sent.join('\n')).not.toContain('AGE-SECRET-KEY');
  expect(web.service.events.filter(({ type }) => type === 'recording.viewed')).toHaveLength(1);
});

test('one that was interrupted is shown as far as it goes, and says so', async () => {
  const { identity, recipient } = await generateAgeKeyPair();
  const session = { cast: CAST, state: 'interrupted', encryptTo: parseAgeRecipient(recipient) } as const;
  const { id } = await web.service.addSession(session);
  const { page } = window;
  await page.goto(`${web.url}/sessions/${id}`);
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByLabel('or its file').setInputFiles({
    name: 'recordings.key',
    mimeType: 'text/plain',
    buffer: Buffer.from(`# created: now\n${identity}\n`),
  });
  await page.getByRole('button', { name: 'Open' }).click();
  await page.locator('.ap-player').getByText('the encrypted words ✓').waitFor();
  await page.getByText('ends where it stopped').waitFor();
});
