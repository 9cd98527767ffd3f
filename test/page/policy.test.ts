import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { signInAtPage } from '../support/page-fixture.ts';

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

async function signInAs(role: 'viewer' | 'admin', path: string) {
  const credentials = await web.addAdmin('carol', role);
  await signInAtPage(window.page, web.url, { username: 'carol', ...credentials }, path);
  return window.page;
}

test('a policy is checked with line and column, put in force, compared and taken back', async () => {
  const page = await signInAs('admin', '/policy/edit');
  const field = page.getByLabel('Policy as YAML');
  const before = await field.inputValue();
  await field.fill(before.replace('allow: [shell]', 'allow: [fly]'));
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByRole('button', { name: /Line 7, column \d+/ }).click();
  expect(await page.evaluate<string>('document.activeElement.tagName')).toBe('TEXTAREA');
  const apply = page.getByRole('button', { name: 'Put in force…' });
  expect(await apply.isDisabled()).toBe(true);

  await field.fill(before.replace('allow: [shell]', 'allow: [shell, exec]'));
  expect(await apply.isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByText('No faults').waitFor();
  await apply.click();
  await page.getByRole('dialog').getByLabel(/Why/).fill('Commands too');
  await page.getByRole('dialog').getByRole('button', { name: 'Put in force' }).click();
  await page.getByText('+     allow: [shell, exec]').waitFor();
  await page.getByText('“Commands too”').waitFor();

  await page.getByRole('button', { name: 'Go back to version 1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Go back' }).click();
  await page.getByText('Version 3', { exact: true }).waitFor();
  await page.getByText('The text is the same.').waitFor();
});

test('a viewer asks why somebody is let in or not, and is offered no change', async () => {
  const page = await signInAs('viewer', '/policy/explain');
  await page.getByLabel('Operator').fill('alice');
  await page.getByLabel('Groups').fill('ops');
  await page.getByLabel('Host').fill('web-1');
  await page.getByLabel('Login').fill('deploy');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('heading', { name: 'Allowed by the role ops' }).waitFor();
  await page.getByLabel('Login').fill('root');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('heading', { name: 'Not allowed' }).waitFor();
  await page.getByRole('link', { name: 'Check', exact: true }).click();
  await page.getByRole('button', { name: 'Check' }).waitFor();
  expect(await page.getByRole('button', { name: 'Put in force…' }).count()).toBe(0);
});
