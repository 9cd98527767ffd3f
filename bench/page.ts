import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type BastionConfig, bastionPaths, loadBastionConfig } from '../bastion/config.ts';
import { startBastion } from '../bastion/main.ts';
import { SearchStore } from '../bastion/search/search-store.ts';
import { initBastion } from '../bastion/setup/init.ts';
import { BASTION_MIGRATIONS } from '../bastion/store/migrations.ts';
import { indexRecording } from '../recordings/indexing/index-recording.ts';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { Database } from '../shared/store/database.ts';
import { freePort } from './free-port.ts';
import { LONG_RECORDING_HOURS, recordLongSession } from './long-recording.ts';
import { elapsedMs } from './statistics.ts';
import type { Row } from './table.ts';

const TRIES = 5;
const INTERACTIVE_GOAL_MS = 1_000;
const STARTED_MS = Date.parse('2026-01-05T08:00:00Z');
const SESSION = 's-0000long0000';
/** Makes 200 MiB. */
const LOG_LINES_A_STEP = Number(process.env['DRAWBRIDGE_BENCH_LOG_LINES'] ?? 105);
const MIB = 1024 ** 2;
const WAIT_LIMIT_MS = 60_000;
/** Places all over its eight hours, where the editor is on the screen: what it shows stays a while. */
const SOUGHT = [421, 7, 575, 251, 333];
/** Seconds between two needles. */
const NEEDLE_PERIOD_S = 50;

/** Runs before the page does: notes when what matters can be used, and how long the page was too busy to be. */
const WATCH_SCRIPT = `
  window.busyUntilMs = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.busyUntilMs = task.startTime + task.duration;
  }).observe({ type: 'longtask', buffered: true });`;

type Admin = Awaited<ReturnType<typeof initBastion>>['admin'];

/** The customer's page in Chromium, on a real bastion: first load to interactive, and a working day's recording. */
export async function runPageBench(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'drawbridge-page-'));
  try {
    const made = await initBastion({ dir, name: 'acme', host: '127.0.0.1', httpsPort: await freePort() });
    const config = await loadBastionConfig(made.configPath);
    const sizeBytes = await fill(config, dir);
    const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
    const browser = await chromium.launch({
      executablePath: process.env['DRAWBRIDGE_CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    try {
      return [
        { figure: `page: recording of ${LONG_RECORDING_HOURS} h`, ours: sizeBytes / MIB, unit: 'MiB' },
        ...(await measure(browser, config.publicUrl, made.admin)),
      ];
    } finally {
      await browser.close();
      await role.stop('the bench is over');
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(browser: Browser, url: string, admin: Admin): Promise<Row[]> {
  const signIn: number[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const context = await visitor(browser);
    signIn.push(await interactiveMs(await context.newPage(), url, 'input[name=username]'));
    await context.close();
  }
  const context = await visitor(browser);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('User name').fill(admin.username);
  await page.getByLabel('Password').fill(admin.password);
  await page.getByLabel('Code from').fill(generateSync({ secret: admin.totpSecret }));
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.access button').waitFor();
  const state = await context.storageState();
  const overview: number[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const again = await visitor(browser, state);
    overview.push(await interactiveMs(await again.newPage(), url, '.access button'));
    await again.close();
  }
  const recording = await measureRecording(page, url);
  await context.close();
  return [
    slowestRow('page: sign-in, first load to interactive', signIn),
    slowestRow('page: overview, first load to interactive', overview),
    ...recording,
  ];
}

/** A browser that has never been here: nothing is cached. */
async function visitor(
  browser: Browser,
  storageState?: Awaited<ReturnType<BrowserContext['storageState']>>,
): Promise<BrowserContext> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    ...(storageState === undefined ? {} : { storageState }),
  });
  context.setDefaultTimeout(WAIT_LIMIT_MS);
  await context.addInitScript({ content: WATCH_SCRIPT });
  return context;
}

/** From the start of the navigation until `selector` stands there and the last long task (50 ms or more) is over. */
async function interactiveMs(page: Page, url: string, selector: string): Promise<number> {
  await page.goto(url, { waitUntil: 'commit' });
  return page.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const found = document.querySelector(${JSON.stringify(selector)});
      if (found === null || found.disabled) return requestAnimationFrame(look);
      const shownMs = performance.now();
      setTimeout(() => resolve(Math.max(shownMs, window.busyUntilMs)), 500);
    };
    look();
  })`);
}

async function measureRecording(page: Page, url: string): Promise<Row[]> {
  const screen = page.locator('.ap-player');
  const open: number[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    await page.goto(`${url}/sessions/${SESSION}`);
    const replay = page.getByRole('button', { name: 'Replay' });
    await replay.waitFor();
    open.push(
      await elapsedMs(async () => {
        await replay.click();
        await screen.getByText('nginx').first().waitFor();
      }),
    );
  }
  const search: number[] = [];
  const seek: number[] = [];
  for (const needle of SOUGHT) {
    const place = page.locator('.recording-panel li button').filter({ hasText: `needle ${needle}` });
    search.push(
      await elapsedMs(async () => {
        await page.getByLabel('Find in this recording').fill(`needle ${needle}`);
        await place.first().waitFor();
      }),
    );
    seek.push(
      await elapsedMs(async () => {
        await place.first().click();
        await screen.getByText(`needle ${needle}`).first().waitFor();
      }),
    );
  }
  const link: number[] = [];
  for (const needle of SOUGHT) {
    link.push(
      await elapsedMs(async () => {
        await page.goto(`${url}/sessions/${SESSION}?t=${needle * NEEDLE_PERIOD_S + 1}`);
        await screen.getByText(`needle ${needle}`).first().waitFor();
      }),
    );
  }
  return [
    slowestRow('page: from Replay to the first correct screen', open),
    slowestRow('page: search in it, to the first hit', search),
    slowestRow('page: from a hit to its screen', seek),
    slowestRow('page: from a link to a moment, page loaded anew', link),
  ];
}

function slowestRow(figure: string, times: readonly number[]): Row {
  return {
    figure: `${figure}, slowest of ${times.length}`,
    ours: Math.max(...times),
    unit: 'ms',
    goal: INTERACTIVE_GOAL_MS,
    samples: { ours: times },
  };
}

async function fill(config: BastionConfig, dir: string): Promise<number> {
  const path = join(dir, 'long.cast');
  const { durationMs, sha256 } = await recordLongSession(path, {
    session: SESSION,
    startedAtMs: STARTED_MS,
    logLinesAStep: LOG_LINES_A_STEP,
  });
  const { size } = statSync(path);
  const startedAt = new Date(STARTED_MS).toISOString();
  const endedAt = new Date(STARTED_MS + durationMs).toISOString();
  const database = await Database.open(bastionPaths(config).database, {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  await database.run(
    `INSERT INTO sessions (id, operator, host, login, source, state, started_at, ended_at, end_reason)
     VALUES (?, 'bench', 'bench', 'bench', '203.0.113.7', 'ended', ?, ?, 'operator left')`,
    [SESSION, startedAt, endedAt],
  );
  await database.run(
    `INSERT INTO recordings (session, channel, kind, started_at, duration_ms, size_bytes, sha256, path, state)
     VALUES (?, 1, 'shell', ?, ?, ?, ?, ?, 'closed')`,
    [SESSION, startedAt, durationMs, size, sha256, path],
  );
  await database.close();
  const store = await SearchStore.open(join(config.dataDir, 'search.db'), silentLogger());
  const subject = {
    session: SESSION,
    channel: 1,
    startedAt,
    operator: 'bench',
    host: 'bench',
    login: 'bench',
  };
  const recording = await store.begin(subject);
  for await (const segment of indexRecording(path, { endBytes: size })) {
    await store.storeSegment(recording, subject, segment);
  }
  await store.settle(recording, 'done');
  await store.close();
  return size;
}
