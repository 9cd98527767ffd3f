import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { loadBastionConfig } from '../bastion/config.ts';
import { startBastion } from '../bastion/main.ts';
import { initBastion } from '../bastion/setup/init.ts';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { freePort } from './free-port.ts';
import type { Row } from './table.ts';

const TRIES = 5;
const INTERACTIVE_GOAL_MS = 1_000;
const WAIT_LIMIT_MS = 60_000;
/** Runs before the page does: notes when what matters can be used, and how long the page was too busy to be. */
const WATCH_SCRIPT = `
  window.busyUntilMs = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.busyUntilMs = task.startTime + task.duration;
  }).observe({ type: 'longtask', buffered: true });`;

type Admin = Awaited<ReturnType<typeof initBastion>>['admin'];

/** The customer's page in Chromium, on a real bastion: from a first visit until it can be used. */
export async function runPageBench(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'drawbridge-page-'));
  try {
    const made = await initBastion({ dir, name: 'acme', host: '127.0.0.1', httpsPort: await freePort() });
    const config = await loadBastionConfig(made.configPath);
    const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
    const browser = await chromium.launch({
      executablePath: process.env['DRAWBRIDGE_CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    try {
      return await measure(browser, config.publicUrl, made.admin);
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
  await context.close();
  return [
    slowestRow('page: sign-in, first load to interactive', signIn),
    slowestRow('page: overview, first load to interactive', overview),
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

function slowestRow(figure: string, times: readonly number[]): Row {
  return {
    figure: `${figure}, slowest of ${times.length}`,
    ours: Math.max(...times),
    unit: 'ms',
    goal: INTERACTIVE_GOAL_MS,
    samples: { ours: times },
  };
}
