import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bastionPaths, loadBastionConfig } from '../../bastion/config.ts';
import { startBastion } from '../../bastion/main.ts';
import { SearchStore } from '../../bastion/search/search-store.ts';
import { initBastion } from '../../bastion/setup/init.ts';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import { indexRecording } from '../../recordings/indexing/index-recording.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { Database } from '../../shared/store/database.ts';
import { launchBrowser, openWindow, screenshot } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { signInAtPage } from '../support/page-fixture.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SESSION = 's-long';
const STARTED_AT = '2026-01-05T08:00:00.000Z';
/** Each line of the recording is a burst of output; between the two halves nothing happens for an hour. */
const BURSTS = 1_200;
const PAUSE_S = 3_600;
/** Drawn in no time, and more than the 8 MiB that the page would load at once. */
const FILLING = '\u001b[0m'.repeat(1_000);

test('a recording of many megabytes is loaded piece by piece, without its pauses, and any moment of it can be linked to', async () => {
  const dir = temporaryDirectory();
  const made = await initBastion({ dir, name: 'acme', host: '127.0.0.1', httpsPort: await freePort() });
  const config = await loadBastionConfig(made.configPath);
  const path = join(dir, 'long.cast');
  const durationS = writeRecording(path);
  await enter(bastionPaths(config).database, path, durationS);
  await index(join(config.dataDir, 'search.db'), path);
  const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
  onTestFinished(() => role.stop('the test has finished'));
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const window = await openWindow(browser);
  const { page } = window;
  const fetched: string[] = [];
  page.on('response', (response) => fetched.push(response.url()));
  const screen = page.locator('.ap-player');

  await signInAtPage(page, config.publicUrl, made.admin, `/sessions/${SESSION}?t=${PAUSE_S + 100}`);
  await screen.getByText('burst 1000').first().waitFor();
  expect(fetched.filter((url) => /\/recording\?/.test(url))).toEqual([]);
  expect(fetched.filter((url) => /\/segments\//.test(url)).length).toBeLessThan(4);
  await page.getByRole('button', { name: 'Link to this moment' }).click();
  expect(Number(new URL(page.url()).searchParams.get('t'))).toBeGreaterThanOrEqual(PAUSE_S + 100);

  // Without its pauses at first, and as it was when they are wanted.
  expect(fetched.filter((url) => /\/segments\/\d+\?channel=1$/.test(url))).toEqual([]);
  const asItWas = page.waitForResponse(/\/segments\/\d+\?channel=1$/);
  await page.getByLabel('Skip pauses').uncheck();
  expect((await asItWas).status()).toBe(200);
  await page.goto(`${config.publicUrl}/sessions/${SESSION}?t=50`);
  await screen.getByText('burst 500').first().waitFor();
  await screenshot(page, 'large-replay-1440-light');
  expect(window.faults.filter((fault) => !/\b(401|409)\b/.test(fault))).toEqual([]);
});

/** Gives its length in seconds. */
function writeRecording(path: string): number {
  const lines = [JSON.stringify({ version: 2, width: 80, height: 24 })];
  let atS = 0;
  for (let burst = 1; burst <= BURSTS; burst++) {
    atS = burst / 10 + (burst > BURSTS / 2 ? PAUSE_S : 0);
    lines.push(JSON.stringify([atS, 'o', `burst ${burst}${FILLING.repeat(2)}\r\n`]));
  }
  writeFileSync(path, `${lines.join('\n')}\n`);
  return atS;
}

async function enter(file: string, path: string, durationS: number): Promise<void> {
  const database = await Database.open(file, { migrations: BASTION_MIGRATIONS, synchronous: 'NORMAL' });
  await database.run(
    `INSERT INTO sessions (id, operator, host, login, state, started_at, ended_at)
     VALUES (?, 'alice', 'web-1', 'deploy', 'ended', ?, ?)`,
    [SESSION, STARTED_AT, new Date(Date.parse(STARTED_AT) + durationS * 1000).toISOString()],
  );
  await database.run(
    `INSERT INTO recordings (session, channel, kind, started_at, duration_ms, size_bytes, path, state)
     VALUES (?, 1, 'shell', ?, ?, ?, ?, 'closed')`,
    [SESSION, STARTED_AT, durationS * 1000, statSync(path).size, path],
  );
  await database.close();
}

async function index(file: string, path: string): Promise<void> {
  const store = await SearchStore.open(file, silentLogger());
  const subject = {
    session: SESSION,
    channel: 1,
    startedAt: STARTED_AT,
    operator: 'alice',
    host: 'web-1',
    login: 'deploy',
  };
  const indexed = await store.begin(subject);
  for await (const segment of indexRecording(path, { endBytes: statSync(path).size })) {
    await store.storeSegment(indexed, subject, segment);
  }
  await store.settle(indexed, 'done');
  await store.close();
}
