import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadAgentConfig } from '../../agent/config.ts';
import { startAgent } from '../../agent/main.ts';
import { joinBastion } from '../../agent/setup/join.ts';
import { systemClock } from '../../shared/clock.ts';
import { thumbprintOf } from '../../shared/identity/keys.ts';
import { silentLogger } from '../../shared/log.ts';
import { launchBrowser, openWindow, screenshot } from '../support/browser.ts';
import { signInAtPage } from '../support/page-fixture.ts';
import { spawnSsh, startTestBastion } from '../support/running-bastion.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const LONG_MS = 60_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

test('a host joins by the shown line, real sessions are searched, replayed and verified in the browser, and off cuts them', {
  timeout: 2 * LONG_MS,
}, async () => {
  const bastion = await startTestBastion();
  const window = await openWindow(browser);
  onTestFinished(() => window.close());
  const { page } = window;
  const url = bastion.config.publicUrl;
  await signInAtPage(page, url, bastion.admin, '/hosts');

  // The line that the page shows is the one that joins.
  await page.getByRole('button', { name: 'Add a host…' }).click();
  await page.getByLabel('Name').fill('db-1');
  await page.getByRole('button', { name: 'Make a join token' }).click();
  const line = String(await page.getByText(/drawbridge agent join/).textContent());
  const token = /dbj1\.\S+/.exec(line)?.[0] ?? '';
  const { configPath } = await joinBastion({
    dir: join(temporaryDirectory(), 'db-1'),
    url,
    token,
    name: 'db-1',
  });
  const agent = await startAgent(await loadAgentConfig(configPath), {
    clock: systemClock,
    log: silentLogger(),
  });
  onTestFinished(() => agent.stop('the test has finished'));
  await page.getByText('db-1 has joined.').waitFor();
  await page.getByRole('button', { name: 'Done' }).click();

  await page.goto(url);
  await page.getByRole('button', { name: 'Turn on…' }).click();
  await page.getByRole('dialog').getByText('30 minutes').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Turn on' }).click();
  await page.getByRole('heading', { name: 'Remote access is on' }).waitFor();
  await page.getByText(/Turns itself off/).waitFor();
  await waitFor(() => bastion.proxy.tunnels.size > 0, { what: 'a tunnel of the bastion' });

  const args = await bastion.sshArgs('db-1', LOGIN);
  const hostile = '<img src=x onerror=alert(1)>';
  const command = `printf 'demo$ '; read -r typed; printf '%s\\n' 'the ${hostile} magnolia'; printf '\\033[31mred\\033[0m\\n'`;
  const typing = spawnSsh([...args, '-tt', command]);
  await waitFor(() => typing.seen.stdout.includes('demo$ '), { what: 'a prompt', timeoutMs: 30_000 });
  typing.child.stdin.write('say it\n');
  await typing.ended;
  expect(typing.seen.stdout).toContain('magnolia');
  await page.goto(`${url}/sessions`);
  await page.getByRole('link', { name: /magnolia/ }).click();
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('.ap-player').getByText('magnolia').first().waitFor();
  // By itself, down to the proxy's counter-signature.
  await page.getByText('Verified in this browser.').waitFor({ timeout: LONG_MS });
  await page.getByText(/and counter-signed by/).waitFor();
  await page.getByText(thumbprintOf(bastion.proxy.identity.publicJwk)).waitFor();
  await waitFor(
    async () => {
      await page.getByLabel('Find in this recording').fill('');
      await page.getByLabel('Find in this recording').fill('magnolia');
      await page.locator('.recording-panel li, .recording-panel .note').first().waitFor();
      return (await page.locator('.recording-panel li').count()) > 0;
    },
    { what: 'the recording to be indexed', timeoutMs: LONG_MS, periodMs: 500 },
  );
  await page.locator('.recording-panel li button').first().click();
  expect(new URL(page.url()).searchParams.has('t')).toBe(true);
  await page.locator('.hit-line span').first().waitFor();
  await screenshot(page, 'real-replay-1440-light');
  await page.getByLabel('Find in this recording').fill('');
  const typed = page.getByRole('region', { name: 'Typed commands' });
  await typed.getByText('Read off the screen: an aid, no evidence.').waitFor();
  await typed.getByRole('button', { name: 'Show' }).click();
  await typed.getByRole('button', { name: 'say it' }).waitFor();
  await screenshot(page, 'real-typed-commands-1440-light');

  const live = spawnSsh([...args, '-tt', 'echo here; sleep 60']);
  await waitFor(() => live.seen.stdout.includes('here'), { what: 'a live session' });
  await page.goto(url);
  await page.getByRole('link', { name: /echo here/ }).click();
  await page.getByRole('button', { name: 'Watch live' }).click();
  await page.locator('.ap-player').getByText('here').first().waitFor();
  await page.goto(url);
  await page.getByRole('button', { name: 'Turn off…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Turn off and cut 1 session' }).click();
  await page.getByRole('heading', { name: 'Remote access is off' }).waitFor();
  expect(await live.ended).toBe(255);
  // The browser says every refusal in its console: the first question who one is, and what was not sealed or indexed yet.
  expect(window.faults.filter((fault) => !/\b(401|409)\b/.test(fault))).toEqual([]);
});
