import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { signInAtPage } from '../support/page-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

let browser: Browser;
let web: BastionWeb;
let window: BrowserWindow;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  web = await startBastionWeb();
  window = await openWindow(browser);
});
afterEach(async () => {
  await window.close();
  await web.close();
});

async function signInAs(role: 'viewer' | 'approver', path: string) {
  const credentials = await web.addAdmin('carol', role);
  await signInAtPage(window.page, web.url, { username: 'carol', ...credentials }, path);
  return window.page;
}

test('a request shows up by itself, in the navigation too, and is granted for a time, then taken back', async () => {
  const page = await signInAs('approver', '/approvals');
  await page.getByText('Nobody waits').waitFor();
  await web.desk.ask({ operator: 'alice', reason: 'ticket 4711' });
  await page.getByText('“ticket 4711”').waitFor();
  const said = page.locator('[aria-live]').getByText('One more approval is wanted: 1 in all.');
  await said.waitFor({ state: 'attached' });
  await page.getByRole('navigation').getByRole('link', { name: 'Approvals 1 waiting' }).waitFor();
  await page.getByRole('button', { name: 'Grant alice on db-1' }).click();
  const dialog = page.getByRole('dialog', { name: 'Let alice in?' });
  await dialog.getByText('30 minutes').click();
  await dialog.getByRole('button', { name: 'Grant' }).click();
  await page.getByText(/^(29|30) min/).waitFor();
  expect(web.desk.list().requests).toEqual([]);
  const [grant] = web.desk.list().grants;
  expect(grant?.approvedBy).toEqual(['admin:carol']);
  expect(Date.parse(grant?.until ?? '') - Date.parse(grant?.grantedAt ?? '')).toBeLessThan(1_801_000);

  await page.getByRole('button', { name: 'Take back the approval of alice on db-1' }).click();
  await page
    .getByRole('dialog')
    .getByLabel(/Message/)
    .fill('Maintenance is over');
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
  await page.getByText('No approval is in force.').waitFor();
  expect(web.desk.messages).toEqual(['Maintenance is over']);
});

test('the overview shows who waits, and refuses with a message', async () => {
  const page = await signInAs('approver', '/');
  await web.desk.ask({ operator: 'alice' });
  await page.getByRole('heading', { name: 'Waiting for your answer' }).waitFor();
  await page.getByRole('button', { name: 'Refuse alice on db-1' }).click();
  await page
    .getByRole('dialog')
    .getByLabel(/Message/)
    .fill('Call me first');
  await page.getByRole('dialog').getByRole('button', { name: 'Refuse' }).click();
  await page.getByRole('heading', { name: 'Waiting for your answer' }).waitFor({ state: 'detached' });
  await waitFor(() => web.desk.messages.length === 1, { what: 'the refusal' });
  expect(web.desk.messages).toEqual(['Call me first']);
});

test('a viewer sees who waits, and nothing to answer with', async () => {
  await web.desk.ask({ operator: 'alice' });
  const page = await signInAs('viewer', '/approvals');
  await page.getByText('Your role may look, not answer.').waitFor();
  expect(await page.getByRole('button', { name: /Grant|Refuse|Take back/ }).count()).toBe(0);
});
