import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { launchBrowser, openWindow, screenshot } from '../support/browser.ts';
import { fillBastion, signInAtPage } from '../support/page-fixture.ts';

const AXE_SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A dozen views, each read by axe-core: half a minute on a busy machine. */
const LOOK_TIMEOUT_MS = 180_000;

let browser: Browser;
let web: BastionWeb;
let ids: Awaited<ReturnType<typeof fillBastion>>;
beforeAll(async () => {
  browser = await launchBrowser();
  web = await startBastionWeb();
  ids = await fillBastion(web);
  const waits = {
    operator: 'chandrasekhar.ramanujan',
    reason: 'Ticket 4711: the ingest queue of db-1 is stuck',
  };
  const granted = await web.desk.ask({ operator: 'bob', host: 'mam-ingest-2', reason: 'Upgrade to 4.2' });
  await web.desk.grant('admin:carol', granted.id);
  await web.desk.ask({ ...waits, approversNeeded: 2, approvedBy: ['admin:carol'] });
});
afterAll(async () => {
  await browser.close();
  await web.close();
});

const looks = [1440, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
);

/** A phone's view is photographed at 390 px and has to hold on the narrowest, where axe-core reads it. */
const NARROWEST = 360;

/** Text that runs out of the window is the commonest fault on small screens. */
async function expectNoSidewaysScroll(page: Page) {
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  expect(overflow).toBeLessThanOrEqual(0);
}

/** The view as it is now: photographed, within its window, and what axe-core has to say. */
async function lookAt(page: Page, name: (view: string) => string, view: string): Promise<readonly string[]> {
  await expectNoSidewaysScroll(page);
  await screenshot(page, name(view));
  const size = page.viewportSize();
  if (size === null || size.width > 500) return accessibilityFaults(page, view);
  await page.setViewportSize({ ...size, width: NARROWEST });
  await expectNoSidewaysScroll(page);
  const faults = await accessibilityFaults(page, view);
  await page.setViewportSize(size);
  return faults;
}

/** Faults of accessibility, as axe-core finds them (WCAG 2.2 A and AA, and its good practice). */
async function accessibilityFaults(page: Page, view: string): Promise<readonly string[]> {
  await page.evaluate(AXE_SOURCE);
  const found = await page.evaluate<readonly string[]>(
    `axe.run(document, { exclude: [['.ap-player']] }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => id + ': ' + target + ': ' + failureSummary)))`,
  );
  return found.map((fault) => `${view}: ${fault}`);
}

test.each(looks)(
  'every view fits $width px in $colorScheme',
  { timeout: LOOK_TIMEOUT_MS },
  async ({ width, colorScheme }) => {
    const window = await openWindow(browser, { width, height: width < 500 ? 844 : 900, colorScheme });
    const { page } = window;
    const faults: string[] = [];
    const name = (view: string) => `${view}-${width}-${colorScheme}`;
    const username = `look-${width}-${colorScheme}`;
    const admin = { username, ...(await web.addAdmin(username, 'admin')) };
    await page.goto(web.url);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    const look = async (view: string) => {
      faults.push(...(await lookAt(page, name, view)));
    };
    await look('sign-in');
    await signInAtPage(page, web.url, admin);
    const views: [view: string, path: string, ready: string][] = [
      ['overview', '/', 'Recording and audit log work'],
      ['approvals', '/approvals', 'Upgrade to 4.2'],
      ['sessions', '/sessions', 'systemctl restart nginx'],
      ['session', `/sessions/${ids.shell}`, 'SHA-256'],
      ['audit', '/audit', 'operator.refused'],
      ['hosts', '/hosts', 'legacy-nas'],
      ['policy', '/policy', 'groups: [ops]'],
      ['policy-explain', '/policy/explain', 'now when empty'],
      ['policy-history', '/policy/history?from=1', 'The text is the same'],
      ['policy-edit', '/policy/edit', 'Policy as YAML'],
      ['account', '/account', 'This one'],
      ['settings', '/settings', 'syslog, siem.acme.example:6514'],
      ['sessions-empty', '/sessions?operator=nobody', 'No session fits'],
    ];
    for (const [view, path, ready] of views) {
      await page.goto(web.url + path);
      await page.getByText(ready).locator('visible=true').first().waitFor();
      await look(view);
    }
    const lookAtDialog = async (view: string, button: string) => {
      await page.getByRole('button', { name: button }).first().click();
      await page.getByRole('dialog').waitFor();
      await look(view);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    await page.goto(`${web.url}/sessions/${ids.shell}?t=1.5`);
    await page.locator('.ap-player').getByText('clip 4711 done').waitFor();
    await look('replay');
    await page.goto(web.url);
    await lookAtDialog('turn-off', 'Turn off…');
    await page.goto(`${web.url}/hosts`);
    await lookAtDialog('add-host', 'Add a host…');
    await page.goto(`${web.url}/approvals`);
    await lookAtDialog('grant', 'Grant ');
    await page.goto(`${web.url}/settings`);
    await lookAtDialog('administrator-add', 'Add an administrator…');
    // Small dialogs of the same make: both widths and both schemes are tried, not each with each.
    if ((width === 1440) === (colorScheme === 'dark')) {
      await lookAtDialog('administrator-role', `Change the role of ${username}`);
      await lookAtDialog('administrator-reset', `Reset the sign-in of ${username}`);
      await lookAtDialog('administrator-remove', `Remove ${username}`);
    }
    await page.getByRole('button', { name: 'Add an administrator…' }).click();
    await page.getByLabel('User name').fill(`new-${username}`);
    await page.getByRole('button', { name: 'Make a set-up link' }).click();
    await page.getByRole('dialog', { name: /Set-up link for/ }).waitFor();
    await look('administrator-link');
    const link = String(await page.getByRole('dialog').locator('code').textContent());
    await window.close();
    const newcomer = await openWindow(browser, { width, height: width < 500 ? 844 : 900, colorScheme });
    await newcomer.page.goto(link);
    await newcomer.page.getByText('You are').waitFor();
    faults.push(...(await lookAt(newcomer.page, name, 'set-up')));
    await newcomer.close();
    expect(faults).toEqual([]);
  },
);
