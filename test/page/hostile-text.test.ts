import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBastionWeb } from '../support/bastion-web.ts';
import { launchBrowser, openWindow, screenshot } from '../support/browser.ts';
import { signInAtPage } from '../support/page-fixture.ts';

const NAMES = [
  '<img src=x onerror="document.title=1"><script>document.title=2</script>',
  'report\u202Efdp.exe\u2066',
  'a\u001b[2J\u0007\u0000\rb',
  'w'.repeat(300),
];
const DRAWN = [NAMES[0], 'report\\u202efdp.exe\\u2066', 'a\\u001b[2J\\u0007\\u0000\\u000db', NAMES[3]];

/** Eight sessions with names of 300 letters each, on a phone. */
const HEIGHT_LIMIT_PX = 9_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

test('names, commands and paths that are markup, turn text round or are very long are drawn as plain text that fits', {
  timeout: 120_000,
}, async () => {
  const web = await startBastionWeb();
  onTestFinished(() => web.close());
  const window = await openWindow(browser, { width: 390, height: 844 });
  onTestFinished(() => window.close());
  const { page } = window;
  const sessions: string[] = [];
  for (const name of NAMES) {
    const who = { operator: `op-${name}`, host: `host-${name}`, login: `login-${name}` };
    web.service.addHost({ name: who.host, labels: { [`key-${name}`]: `value-${name}` } });
    const { id } = await web.service.addSession({ ...who, kind: 'exec', command: `run ${name}` });
    await web.service.addSession({ ...who, state: 'live' });
    await web.service.append({ type: 'file.written', actor: 'system', session: id, ...who, path: name });
    await web.desk.ask({ operator: who.operator, host: who.host, reason: `because ${name}` });
    sessions.push(`/sessions/${id}`);
  }
  await signInAtPage(page, web.url, { username: 'carol', ...(await web.addAdmin('carol', 'admin')) });

  const look = async (path: string, drawn: readonly (string | undefined)[]) => {
    await page.goto(web.url + path);
    for (const text of drawn) {
      await page.locator('main').getByText(String(text)).locator('visible=true').first().waitFor();
    }
    const found = await page.evaluate<{
      text: string;
      images: number;
      title: string;
      overflow: number;
      height: number;
    }>(
      `({ text: document.body.innerText, title: document.title, images: document.querySelectorAll('main img').length,
          height: document.documentElement.scrollHeight,
          overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth })`,
    );
    expect(found.text, path).not.toMatch(/[^\P{Cc}\t\n]|[\u202e\u2066]/u);
    expect(found, path).toMatchObject({ images: 0, overflow: 0 });
    // A column that is squeezed to one letter a line is as unreadable as one that runs out of the window.
    expect(found.height, path).toBeLessThan(HEIGHT_LIMIT_PX);
    expect(found.title, path).not.toMatch(/^[12]/);
  };
  for (const path of ['/', '/sessions', '/audit', '/hosts', '/approvals']) {
    await look(path, DRAWN);
    await screenshot(page, `hostile${path.replace('/', '-')}-390-light`);
  }
  for (const [index, path] of sessions.entries()) await look(path, [DRAWN[index]]);
  await screenshot(page, 'hostile-session-390-light');
  expect(window.faults.filter((fault) => !/401/.test(fault))).toEqual([]);
});
