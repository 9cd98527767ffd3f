import { expect, onTestFinished, test } from 'vitest';
import { startAdminProvider } from '../support/admin-provider.ts';
import { startBastionWeb } from '../support/bastion-web.ts';
import { launchBrowser, openWindow, screenshot } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';

test('the button leads over the directory into the page, though the strict cookie came from another site', async () => {
  const port = await freePort();
  // By name, since the directory is at 127.0.0.1: two sites.
  const url = `https://localhost:${port}`;
  const { directory, open } = await startAdminProvider(url);
  const web = await startBastionWeb({ provider: await open() }, port);
  onTestFinished(() => web.close());
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const { page } = await openWindow(browser);

  directory.person.claims = { preferred_username: 'bob', groups: ['sales'] };
  await page.goto(url);
  const button = page.getByRole('button', { name: 'Sign in with Acme Directory' });
  await button.click();
  await page.getByRole('button', { name: 'Sign in as alice' }).click();
  await page.getByRole('alert').getByText('was not accepted here').waitFor();
  expect(page.url()).toBe(`${url}/`);
  await screenshot(page, 'provider-refused');

  directory.person.claims = { preferred_username: 'alice', groups: ['it'] };
  await page.context().clearCookies();
  await button.click();
  await page.getByRole('button', { name: 'Sign in as alice' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await page.getByRole('link', { name: 'corp/alice' }).click();
  await page.getByRole('heading', { name: 'corp/alice' }).waitFor();
  await page.getByText('This one').waitFor();
  await screenshot(page, 'provider-account');
  expect(await page.getByText('What you sign in with').count()).toBe(0);
});
