import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { fillBastion, signInAtPage } from '../support/page-fixture.ts';
import { totpCode } from '../support/totp.ts';
import { waitFor } from '../support/wait-for.ts';

let browser: Browser;
let web: BastionWeb;
let ids: Awaited<ReturnType<typeof fillBastion>>;
let window: BrowserWindow;
let page: Page;
let admins = 0;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  web = await startBastionWeb();
  ids = await fillBastion(web);
  window = await openWindow(browser);
  page = window.page;
});
afterEach(async () => {
  await window.close();
  await web.close();
});

async function signInAsAdmin(path = '/') {
  admins += 1;
  const username = `carol-${admins}`;
  await signInAtPage(page, web.url, { username, ...(await web.addAdmin(username, 'admin')) }, path);
}

/** What has the focus, as a screen reader would call it: its label, or its text. */
const focused = () =>
  page.evaluate<string>(`(() => {
    const at = document.activeElement;
    const label = at.labels?.[0] ?? document.getElementById(at.getAttribute('aria-labelledby') ?? '');
    return at.id === 'main' ? 'main' : (at.getAttribute('aria-label') ?? label?.textContent ?? at.textContent).trim();
  })()`);

const expectFocus = (what: RegExp) =>
  waitFor(
    async () => {
      const now = await focused();
      if (!what.test(now)) throw new Error(`it is on ${now}`);
      return true;
    },
    { what: `the focus on ${what}` },
  );

/** Presses Tab until the focus is there; a person would not go round for ever either. */
async function tabTo(what: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab') {
  for (let presses = 0; presses < 40; presses++) {
    if (what.test(await focused())) return;
    await page.keyboard.press(key);
  }
  throw new Error(`the focus never came to ${what}, it is on ${await focused()}`);
}

/** The ring around what has the focus. */
const outline = () => page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');

test('one signs in, turns access off and on again, and ends a session without a mouse', async () => {
  const admin = await web.addAdmin('carol', 'admin');
  await page.goto(web.url);
  await expectFocus(/^User name/);
  await page.keyboard.type('carol');
  await page.keyboard.press('Tab');
  await page.keyboard.type(admin.password);
  await page.keyboard.press('Tab');
  await page.keyboard.type(totpCode(admin.totpSecret, Date.now()));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Remote access is on' }).waitFor();

  await page.getByRole('link', { name: /alice deploy@db-1/ }).waitFor();
  await tabTo(/^alice/);
  expect(await outline()).toBe('solid');
  await tabTo(/^live: alice/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'alice on db-1' }).waitFor();
  await expectFocus(/^main$/);
  await tabTo(/^End session…$/);
  await page.keyboard.press('Enter');
  await expectFocus(/^Message/);
  await page.keyboard.press('Escape');
  await expectFocus(/^End session…$/);
  expect(await web.service.getSession(ids.live)).toMatchObject({ state: 'live' });
  await page.keyboard.press('Enter');
  await expectFocus(/^Message/);
  await page.keyboard.type('Please call us first');
  await page.keyboard.press('Enter');
  await page.getByText('Please call us first').first().waitFor();
  // The button is gone with the session.
  await expectFocus(/^main$/);

  await tabTo(/To the switch$/, 'Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Remote access is on' }).waitFor();
  await expectFocus(/^main$/);
  await tabTo(/^Turn off…$/);
  await page.keyboard.press('Enter');
  await expectFocus(/^Reason/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Remote access is off' }).waitFor();
  await expectFocus(/^Turn on…$/);
  await page.keyboard.press('Enter');
  await expectFocus(/^4 hours$/);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await page.getByText(/Turns itself off in (59|1 h)/).waitFor();
  await expectFocus(/^Turn off…$/);
});

test('a request that was answered and a host that was revoked leave the focus where one reads on', async () => {
  await web.desk.ask({ operator: 'bob', host: 'db-1', reason: 'Ticket 4711' });
  await signInAsAdmin('/approvals');
  await page.getByRole('button', { name: 'Refuse bob on db-1' }).waitFor();
  await tabTo(/^Grant bob on db-1$/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('Nobody waits').waitFor();
  await expectFocus(/^main$/);

  await page.goto(`${web.url}/hosts`);
  await page.getByRole('button', { name: 'Revoke web-1' }).waitFor();
  await tabTo(/^Revoke web-1$/);
  await page.keyboard.press('Enter');
  // Nothing is asked there, so that the button that leaves all as it is comes first.
  await expectFocus(/^Close$/);
  await tabTo(/^Revoke$/);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Revoke web-1' }).waitFor({ state: 'detached' });
  await expectFocus(/^main$/);
});

test('a policy that was checked leaves the focus on the button, from where it is put in force', async () => {
  await signInAsAdmin('/policy/edit');
  await page.getByLabel('Policy as YAML').waitFor();
  await tabTo(/^Policy as YAML/);
  await page.keyboard.press('Control+End');
  await page.keyboard.type('# by keys');
  await page.keyboard.press('Tab');
  await expectFocus(/^Check$/);
  await page.keyboard.press('Enter');
  await page.getByText('No faults. It is not in force yet.').waitFor();
  await expectFocus(/^Check$/);
  await page.keyboard.press('Tab');
  await expectFocus(/^Put in force…$/);
});

test('a replay is started and steered by keys, and a line that was found leads to its moment', async () => {
  await signInAsAdmin(`/sessions/${ids.shell}`);
  await page.getByRole('button', { name: 'Replay' }).waitFor();
  await tabTo(/^Replay$/);
  await page.keyboard.press('Enter');
  const player = page.locator('.ap-player');
  await player.getByText('clip 4711 done').waitFor();
  // Keys count at once, without looking for the player first.
  await waitFor(() => page.evaluate<boolean>("document.activeElement.matches('.ap-wrapper')"), {
    what: 'the focus in the player',
  });
  await page.keyboard.press('Space');
  await page.locator('.ap-play-button, .ap-playback-button').first().waitFor();
});
