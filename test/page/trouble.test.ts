import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { NewAdminCredentials } from '../../bastion/admins/admin-accounts.ts';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { fillBastion } from '../support/page-fixture.ts';
import { totpCode } from '../support/totp.ts';
import { waitFor } from '../support/wait-for.ts';

let browser: Browser;
let web: BastionWeb;
let ids: Awaited<ReturnType<typeof fillBastion>>;
let window: BrowserWindow;
let cookie: string;

beforeAll(async () => {
  browser = await launchBrowser();
  web = await startBastionWeb();
  ids = await fillBastion(web);
  cookie = (await web.signIn('admin'))['cookie'] ?? '';
});
afterAll(async () => {
  await browser.close();
  await web.close();
});
beforeEach(async () => {
  window = await openWindow(browser);
});
afterEach(() => window.close());

/** Opens a view as somebody who is signed in already. */
async function openSignedIn(path = '/') {
  const [name = '', value = ''] = cookie.split(/=(.*)/s);
  await window.context.addCookies([{ name, value, url: web.url }]);
  await window.page.goto(web.url + path);
}

async function signIn({ password, totpSecret }: NewAdminCredentials, codeOfMs: number) {
  const { page } = window;
  await page.getByLabel('User name').fill('carol');
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Code from').fill(totpCode(totpSecret, codeOfMs));
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

test('a page that finds no bastion says so, and shows what was asked for as soon as there is one', async () => {
  const { page } = window;
  await page.route('**/api/**', (route) => route.abort());
  await openSignedIn('/hosts');
  await page.getByRole('alert').getByText('The bastion does not answer.').waitFor();
  await page.unroute('**/api/**');
  await page.getByRole('heading', { name: 'Hosts' }).waitFor();
  await page.getByText('legacy-nas').waitFor();
});

test('a change that has no answer is given up after a while, and the page says what is not known', async () => {
  const { page } = window;
  // The limit of half a minute, sooner.
  await page.addInitScript({
    content:
      'const limit = AbortSignal.timeout; AbortSignal.timeout = (ms) => limit.call(AbortSignal, ms / 20);',
  });
  await openSignedIn();
  await page.route('**/api/access', () => undefined);
  await page.getByRole('button', { name: 'Turn off…' }).click();
  const dialog = page.getByRole('dialog');
  const submit = dialog.getByRole('button', { name: /Turn off and cut/ });
  await submit.click();
  await dialog.locator('[aria-busy=true]').waitFor();
  await dialog.getByText('Whether it was done shows when the connection is back.').waitFor();
  await dialog.getByText('drawbridge access off').waitFor();
  expect(await submit.isEnabled()).toBe(true);
});

test("times go by the bastion's clock where the device's is an hour off, and the page says so", async () => {
  const { page } = window;
  await page.clock.install({ time: Date.now() + 3_600_000 });
  await page.clock.resume();
  await openSignedIn();
  const row = page.getByRole('link', { name: /alice deploy@db-1/ });
  await row.getByText(/^[4-9] min/).waitFor();
  await page.getByText(/This device's clock is (59 min \d\d s|1 h 00 min) ahead of the bastion's/).waitFor();
});

test('a sign-in that ends leads back to where one was, with the policy that one was writing', async () => {
  const { page } = window;
  const admin = await web.addAdmin('carol', 'admin');
  await page.goto(`${web.url}/policy/edit`);
  // Each code counts once: the last one now, the present one afterwards.
  await signIn(admin, Date.now() - 30_000);
  const field = page.getByLabel('Policy as YAML');
  const text = `${await field.inputValue()}# half a thought\n`;
  await field.fill(text);
  await window.context.clearCookies();
  // Something happens, the page asks, and is told.
  await web.service.append({ type: 'policy.changed', actor: 'system' });
  await page.getByText('Your sign-in has ended. Sign in to go on where you were.').waitFor();
  await signIn(admin, Date.now());
  await page.getByText('This is what you had begun to write.').waitFor();
  expect(await field.inputValue()).toBe(text);
  await page.getByRole('button', { name: 'Discard' }).click();
  expect(await field.inputValue()).toBe(text.replace('# half a thought\n', ''));
  await page.getByText('This is what you had begun to write.').waitFor({ state: 'detached' });
});

test('a watched session whose stream is refused for a while is watched again, and is not called ended', async () => {
  const { page } = window;
  await openSignedIn(`/sessions/${ids.live}`);
  await page.route('**/live', (route) => route.fulfill({ status: 502, body: 'bad gateway' }));
  await page.getByRole('button', { name: 'Watch live' }).click();
  const state = page.locator('.player-state');
  await state.getByText('The connection is lost. Trying again…').waitFor();
  await page.unroute('**/live');
  await state.getByText('Live', { exact: true }).waitFor();
});

test('whether a live session still is one is not known without a connection, and is again with it', async () => {
  const { page } = window;
  await openSignedIn(`/sessions/${ids.live}`);
  const badge = page.locator('.view-head .badge');
  await badge.getByText('Live', { exact: true }).waitFor();
  await web.goDown();
  await badge.getByText('Was live, now not known').waitFor();
  await web.comeBack();
  await badge.getByText('Live', { exact: true }).waitFor();
});

test('rows stay in sight where a busy browser tells of several changes of what is in sight at once', async () => {
  const { page } = window;
  // The state before is told along with the one that holds.
  await page.addInitScript({
    content: `const Native = IntersectionObserver;
      let told = 0;
      window.timesTold = () => told;
      window.IntersectionObserver = class extends Native {
        constructor(tell, options) {
          super((changes, observer) => {
            tell([{ isIntersecting: !changes[0].isIntersecting, target: changes[0].target }, ...changes], observer);
            told += 1;
          }, options);
        }
      };`,
  });
  await openSignedIn('/sessions');
  await waitFor(() => page.evaluate<boolean>('timesTold() > 0'), { what: 'the page to be told' });
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  expect(await page.getByRole('link', { name: /systemctl restart nginx/ }).isVisible()).toBe(true);
});

test('a verification that is cut off or refused says that it says nothing', async () => {
  const { page } = window;
  await openSignedIn('/audit');
  const contentType = 'text/event-stream';
  const progress = 'event: progress\ndata: {"events":10,"of":100}\n\n';
  await page.route('**/verify', (route) => route.fulfill({ contentType, body: progress }));
  await page.getByRole('button', { name: 'Verify' }).click();
  await page
    .getByRole('alert')
    .getByText(/so it says nothing about the log/)
    .waitFor();
  const problem = {
    code: 'request.too_many_streams',
    message: 'Too many pages follow this bastion at once.',
  };
  await page.route('**/verify', (route) => route.fulfill({ status: 429, json: problem }));
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('alert').getByText(problem.message).waitFor();
});

// Last, since it cuts the live session.
test('access is turned off even where its state can not be read', async () => {
  const { page } = window;
  const problem = { code: 'internal', message: 'Something went wrong.' };
  await page.route('**/api/status', (route) => route.fulfill({ status: 500, json: problem }));
  await openSignedIn();
  await page.getByRole('heading', { name: 'Whether remote access is on is not known' }).waitFor();
  await page.getByRole('button', { name: 'Turn off…' }).click();
  await page.getByRole('dialog').getByText('Whoever is in is cut at once.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Turn off' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect((await web.service.status()).access.state).toBe('off');
  // Nobody asks for it: what failed is read again after a while.
  await page.unroute('**/api/status');
  await page.getByRole('heading', { name: 'Remote access is off' }).waitFor();
});
