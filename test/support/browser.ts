import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Debian's Chromium; another one by DRAWBRIDGE_CHROMIUM. */
const CHROMIUM = process.env['DRAWBRIDGE_CHROMIUM'] ?? '/usr/bin/chromium';

/** Where screenshots go; ignored by git. */
const SCREENSHOT_DIR = fileURLToPath(new URL('../../.artifacts/screenshots', import.meta.url));

/** Longer than anything on the page takes, shorter than a test. */
const ACTION_TIMEOUT_MS = 25_000;

/** A headless browser that asks nobody for anything by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** How a window looks at the page. */
export interface WindowOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** A window that keeps everything that went wrong in it. */
export interface BrowserWindow {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Console errors and warnings, uncaught errors, violations of the Content-Security-Policy, failed requests. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Opens a window of its own (no cookies of others). Certificates are not checked: the test's authority is private. */
export async function openWindow(browser: Browser, options: WindowOptions = {}): Promise<BrowserWindow> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.colorScheme ?? 'light',
    locale: 'en-GB',
    timezoneId: 'Europe/Paris',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      faults.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  // A string, since this runs in the browser, whose globals the tests' types do not know.
  await page.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', (event) =>
      console.error('policy violation: ' + event.violatedDirective + ' ' + event.blockedURI));`,
  });
  page.setDefaultTimeout(ACTION_TIMEOUT_MS);
  return { page, context, faults, close: () => context.close() };
}

/** Saves what the page shows now as `<name>.png`. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOT_DIR, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOT_DIR}/${name}.png`, fullPage: true, animations: 'disabled' });
}
