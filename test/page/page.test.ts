import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BastionWeb, startBastionWeb } from '../support/bastion-web.ts';
import { type BrowserWindow, launchBrowser, openWindow } from '../support/browser.ts';
import { fillBastion, signInAtPage } from '../support/page-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

let browser: Browser;
let web: BastionWeb;
let ids: Awaited<ReturnType<typeof fillBastion>>;
let window: BrowserWindow;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** Opens a view as somebody who is signed in already; the form is tried once, and takes its time. */
async function openAs(role: 'admin' | 'viewer', path = '/') {
  const { cookie = '' } = await web.signIn(role);
  const [name = '', value = ''] = cookie.split(/=(.*)/s);
  await window.context.addCookies([{ name, value, url: web.url }]);
  await window.page.goto(web.url + path);
  await window.page.getByRole('navigation', { name: 'Main' }).waitFor();
  return window.page;
}

beforeEach(async () => {
  web = await startBastionWeb();
  ids = await fillBastion(web);
  window = await openWindow(browser);
});
afterEach(async () => {
  const { faults } = window;
  await window.close();
  await web.close();
  expect(faults).toEqual([]);
});

/** The browser itself reports every 401 and 409 in its console; those that a test provokes are no faults. */
function expectFault(pattern: RegExp) {
  const faults = window.faults as string[];
  const before = faults.length;
  for (let index = before - 1; index >= 0; index--) {
    if (pattern.test(faults[index] ?? '')) faults.splice(index, 1);
  }
  expect(faults.length).toBeLessThan(before);
}

describe('signing in', () => {
  test('takes name, password and code, and refuses a wrong code with a sentence', async () => {
    const { page } = window;
    const carol = await web.addAdmin('carol', 'admin');
    await page.goto(web.url);
    await page.getByLabel('User name').fill('carol');
    await page.getByLabel('Password').fill(carol.password);
    await page.getByLabel('Code from').fill('000000');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('is not right').waitFor();
    expectFault(/401/);
    await signInAtPage(page, web.url, { username: 'carol', ...carol });
    expectFault(/401/);
    await page.getByRole('heading', { name: 'Remote access is on' }).waitFor();
    expect(await page.title()).toBe('Overview · acme');
  });

  test('leads to the view that was asked for, and signing out leads back', async () => {
    const { page } = window;
    await signInAtPage(
      page,
      web.url,
      { username: 'carol', ...(await web.addAdmin('carol', 'admin')) },
      '/audit',
    );
    expectFault(/401/);
    await page.getByRole('heading', { name: 'Audit log' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});

describe('signed in', () => {
  beforeEach(async () => {
    await openAs('admin');
  });

  test('the switch asks first, names the sessions it cuts, cuts them, and turns on again for a time', async () => {
    const { page } = window;
    await page.getByRole('link', { name: /alice deploy@db-1/ }).waitFor();
    await page.getByRole('button', { name: 'Turn off…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Turn remote access off?' });
    await dialog.getByText('1 live session').waitFor();
    expect((await web.service.status()).access.state).toBe('on');
    await dialog.getByLabel(/Reason/).fill('Maintenance is over');
    await dialog.getByRole('button', { name: 'Turn off and cut 1 session' }).click();
    await page.getByRole('heading', { name: 'Remote access is off' }).waitFor();
    await page.getByRole('link', { name: 'Nobody is in' }).waitFor();
    expect(await web.service.status()).toMatchObject({
      access: { state: 'off', reason: 'Maintenance is over' },
      liveSessions: 0,
    });

    await page.getByRole('button', { name: 'Turn on…' }).click();
    await page.getByRole('dialog').getByText('1 hour').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Turn on' }).click();
    await page.getByRole('heading', { name: 'Remote access is on' }).waitFor();
    await page.getByText(/Turns itself off in (59|1 h)/).waitFor();
  });

  test('Escape leaves the switch as it is', async () => {
    const { page } = window;
    await page.getByRole('button', { name: 'Turn off…' }).press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await web.service.status()).access.state).toBe('on');
  });

  test('a session that begins shows up by itself', async () => {
    const { page } = window;
    await page.getByRole('link', { name: /alice deploy@db-1/ }).waitFor();
    await web.service.addSession({ operator: 'zoe', state: 'live' });
    await page.getByRole('link', { name: /zoe deploy@/ }).waitFor();
  });

  test('sessions are listed, filtered by state and found by a command', async () => {
    const { page } = window;
    await page
      .getByRole('navigation')
      .getByRole('link', { name: /Sessions/ })
      .click();
    const rows = page.getByRole('main').getByRole('listitem');
    await waitFor(async () => (await rows.count()) === 9, { what: 'nine sessions' });
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    await waitFor(async () => (await rows.count()) === 1, { what: 'one live session' });
    await page.getByRole('button', { name: 'All' }).click();
    await page.getByRole('searchbox').fill('restart nginx');
    await waitFor(async () => (await rows.count()) === 1, { what: 'one found session' });
    expect(page.url()).toContain('q=restart+nginx');
    await rows.getByRole('link').click();
    await page.getByRole('heading', { name: 'bob on db-1' }).waitFor();
    await page.goBack();
    await page.getByRole('searchbox').waitFor();
    expect(await page.getByRole('searchbox').inputValue()).toBe('restart nginx');
  });

  test('a recording is replayed, which is audited, and jumps to the moment that a link names', async () => {
    const { page } = window;
    await page.goto(`${web.url}/sessions/${ids.shell}`);
    await page.getByRole('button', { name: 'Replay' }).waitFor();
    expect(web.service.events.some(({ type }) => type === 'recording.viewed')).toBe(false);
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.locator('.ap-player').getByText('clip 4711 done').waitFor();
    expect(web.service.events.filter(({ type }) => type === 'recording.viewed')).toHaveLength(1);
    await page.getByText('recording.viewed').waitFor();
    await page.getByLabel('Speed').selectOption('8');
    await page.locator('.ap-player').getByText('exit').waitFor();
    await page.goto(`${web.url}/sessions/${ids.shell}?channel=1&t=1.5`);
    await page.locator('.ap-player').getByText('clip 4711 done').waitFor();
  });

  test('a live session is watched as it goes on and ended with a message', async () => {
    const { page } = window;
    await page.goto(`${web.url}/sessions/${ids.live}`);
    await page.getByRole('button', { name: 'Watch live' }).click();
    await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
    web.service.emitLive(ids.live, { kind: 'event', time: 3, code: 'o', data: 'vacuum full;\r\n' });
    await page.locator('.ap-player').getByText('vacuum full;').waitFor();
    await page.getByRole('button', { name: 'End session…' }).click();
    await page.getByLabel(/Message/).fill('Please call us first');
    await page.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
    await page.getByText('Please call us first').first().waitFor();
    expect(await web.service.getSession(ids.live)).toMatchObject({ state: 'ended' });
  });

  test('the audit log shows, opens, filters and follows events', async () => {
    const { page } = window;
    await page.goto(`${web.url}/audit`);
    await page.locator('summary').filter({ hasText: 'operator.refused' }).waitFor();
    await page.locator('summary').filter({ hasText: 'no role allows host db-1' }).click();
    await page.getByText('operator:mallory').waitFor();
    await page.getByLabel('Type').selectOption('operator.refused');
    await page.locator('summary').filter({ hasText: 'session.started' }).waitFor({ state: 'detached' });
    await web.service.append({ type: 'session.started', actor: 'operator:zoe' });
    await web.service.append({
      type: 'operator.refused',
      actor: 'operator:eve',
      reason: 'outside of the window',
    });
    await page.getByText('outside of the window').waitFor();
    expect(await page.locator('summary').filter({ hasText: 'session.started' }).count()).toBe(0);
  });

  test('lists go on by themselves as one scrolls, and draw only what is near', async () => {
    const { page } = window;
    for (let n = 0; n < 420; n++) await web.service.append({ type: 'exec.started', actor: 'system', n });
    await page.goto(`${web.url}/audit?type=exec.started`);
    const rows = page.locator('summary');
    await rows.first().waitFor();
    const end = page.locator('.more');
    await waitFor(
      async () => {
        // Not by the wheel, whose turns a busy machine takes seconds for.
        await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
        return (await end.count()) === 0;
      },
      { what: 'the end of the list', timeoutMs: 45_000 },
    );
    await page.locator('.drawn').nth(4).waitFor();
    await waitFor(async () => (await rows.count()) < 400, { what: 'pages out of sight to be put away' });
    await page.evaluate('window.scrollTo(0, 0)');
    await page.locator('summary').filter({ hasText: 'exec.started' }).first().waitFor();
  });

  test('sessions are narrowed down by who, where, what and when, and the address says how', async () => {
    const { page } = window;
    await page.goto(`${web.url}/sessions`);
    await page
      .getByRole('link', { name: /chandrasekhar/ })
      .first()
      .waitFor();
    await page.getByLabel('Operator', { exact: true }).fill('bob');
    await page.waitForURL(/operator=bob/);
    await waitFor(async () => (await page.getByRole('link', { name: /chandrasekhar/ }).count()) === 0, {
      what: 'the others to go',
    });
    await page.getByLabel('With').selectOption('exec');
    await page.getByRole('link', { name: /systemctl restart nginx/ }).waitFor();
    expect(new URL(page.url()).search).toBe('?operator=bob&kind=exec');
    await page.getByLabel('Started from').fill('2031-01-01');
    await page.getByText('No session fits').waitFor();
    await page.reload();
    await page.getByText('No session fits').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page
      .getByRole('link', { name: /chandrasekhar/ })
      .first()
      .waitFor();
  });

  test('the audit log is searched for a text and by days, and verified by the bastion, as the page says', async () => {
    const { page } = window;
    await page.goto(`${web.url}/audit`);
    await page.getByLabel('Contains').fill('RESTART nginx');
    await page.locator('summary').filter({ hasText: 'access.turned_on' }).waitFor({ state: 'detached' });
    await page.locator('summary').filter({ hasText: 'systemctl restart nginx' }).waitFor();
    await page.getByLabel('Contains').fill('nowhere');
    await page.getByText('No events').waitFor();
    await page.getByLabel('Contains').fill('');
    await page.getByLabel('From', { exact: true }).fill('2020-01-01');
    await page.locator('summary').filter({ hasText: 'operator.refused' }).waitFor();
    await page.getByLabel('To', { exact: true }).fill('2020-01-02');
    await page.waitForURL(/to=2020-01-02/);
    await page.getByText('No events').waitFor();
    expect(new URL(page.url()).search).toBe('?from=2020-01-01&to=2020-01-02');
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('The log is whole.').waitFor();
    await page.getByText(/Computed by the bastion itself/).waitFor();
  });

  test('a session with thousands of events has all of them, and goes on with those that arrive', async () => {
    const { page } = window;
    const { id } = await web.service.addSession({ durationMs: 3_600_000 });
    const about = { actor: 'operator:alice', session: id } as const;
    for (let n = 0; n < 2_100; n++) await web.service.append({ type: 'file.read', ...about, n });
    await web.service.append({ type: 'file.removed', ...about, path: '/the/last/one' });
    await page.goto(`${web.url}/sessions/${id}`);
    await page.getByRole('complementary').getByText('/the/last/one').waitFor();
    const rows = page.locator('.events summary');
    expect(await rows.count()).toBe(300);
    await page.getByRole('button', { name: /Show more of 2,10\d events/ }).click();
    await waitFor(async () => (await rows.count()) === 600, { what: 'more rows' });
    await web.service.append({ type: 'file.removed', ...about, path: '/one/more' });
    await page.getByRole('complementary').getByText('/one/more').waitFor();
  });

  test('a host gets a line to paste, and the page sees it join; another one is revoked', async () => {
    const { page } = window;
    await page.goto(`${web.url}/hosts`);
    await page.getByRole('button', { name: 'Add a host…' }).click();
    await page.getByLabel('Name').fill('db-2');
    await page.getByLabel(/Labels/).fill('env=prod, role=database');
    await page.getByRole('button', { name: 'Make a join token' }).click();
    await page.getByText(/drawbridge agent join .* --name db-2/).waitFor();
    await page.getByRole('button', { name: /Copy/ }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toContain('drawbridge agent join');
    web.service.addHost({ name: 'db-2' });
    await web.service.append({ type: 'agent.joined', actor: 'agent:db-2', host: 'db-2' });
    await page.getByText('db-2 has joined.').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();

    await page.getByRole('button', { name: 'Revoke web-1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('button', { name: 'Revoke web-1' }).waitFor({ state: 'detached' });
    expect((await web.service.listHosts()).some(({ name }) => name === 'web-1')).toBe(false);
  });

  test('policy and account are shown; an API token is made once and works', async () => {
    const { page } = window;
    await page.goto(`${web.url}/policy`);
    await page.getByText('groups: [ops]').waitFor();
    await page.getByRole('link', { name: /admin-/ }).click();
    await page.getByText('This one').waitFor();
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'New token…' }).click();
    await page.getByLabel('Name').fill('monitoring');
    await page.getByRole('button', { name: 'Make token' }).click();
    const secret = await page.getByText(/^dba_/).textContent();
    const answer = await web.fetch('/api/status', { headers: { authorization: `Bearer ${secret}` } });
    expect(answer.status).toBe(200);
  });

  test('an unknown address and an unknown session say so', async () => {
    const { page } = window;
    await page.goto(`${web.url}/nowhere`);
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
    await page.goto(`${web.url}/sessions/nope`);
    await page.getByRole('heading', { name: 'There is no such session' }).waitFor();
    expectFault(/404/);
  });

  test('a lost connection is shown, and heals with what was missed', async () => {
    const { page } = window;
    await page.getByRole('link', { name: /alice deploy@db-1/ }).waitFor();
    await web.goDown();
    await page.getByText('The connection to the bastion is lost').waitFor();
    await page.getByRole('heading', { name: 'Remote access was on' }).waitFor();
    await page.getByRole('link', { name: 'Remote access was on. To the switch' }).waitFor();
    await web.service.addSession({ operator: 'zoe', state: 'live' });
    await web.comeBack();
    await page.getByRole('link', { name: /zoe deploy@/ }).waitFor();
    await page.getByText('The connection to the bastion is lost').waitFor({ state: 'detached' });
    expectFault(/ERR_|Failed to load/);
  });
});

test('a viewer sees everything and is offered nothing that it may not do', async () => {
  const page = await openAs('viewer');
  await page.getByText('Your role may look, not switch.').waitFor();
  expect(await page.getByRole('button', { name: /Turn o/ }).count()).toBe(0);
  await page.goto(`${web.url}/hosts`);
  await page.getByText('legacy-nas').waitFor();
  expect(await page.getByRole('button', { name: /Add|Revoke/ }).count()).toBe(0);
});
