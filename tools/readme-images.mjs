// Makes the README's pictures from the real page: starts the demo, lets an operator work with the stock ssh client, signs
// an administrator in and takes the overview and a replay. Run by `npm run images`; needs Chromium and an ssh client.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateSync } from 'otplib';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('..', import.meta.url));
const images = join(root, 'docs', 'images');
const dir = mkdtempSync(join(tmpdir(), 'drawbridge-images-'));
const START_LIMIT_MS = 120_000;
const VIEW = { width: 1120, height: 700 };
const REPLAY_HEIGHT = 780;

const demo = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'demo', '--dir', join(dir, 'demo')], {
  stdio: 'ignore',
});
try {
  const place = await started();
  const ssh = (host, command, options = []) =>
    spawn('ssh', ['-F', place.sshConfig, ...options, `${place.login}@${host}`, command], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  await ended(ssh('web-1.acme', 'uname -s; uptime'));
  await ended(
    ssh(
      'db-1.acme',
      'echo "09:12:01 queue is empty"; sleep 1; df -h / | tail -1; echo "09:12:11 clip 4711 done"',
      ['-tt'],
    ),
  );
  const live = ssh('web-1.acme', 'sleep 600', ['-tt']);
  const browser = await chromium.launch({
    executablePath: process.env.DRAWBRIDGE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    await takePictures(browser, place);
  } finally {
    await browser.close();
    live.kill();
  }
} finally {
  demo.kill('SIGINT');
  await ended(demo);
  rmSync(dir, { recursive: true, force: true });
}

async function takePictures(browser, { bastion }) {
  const page = await browser.newPage({ ignoreHTTPSErrors: true, viewport: VIEW, locale: 'en-GB' });
  page.setDefaultTimeout(60_000);
  const { username, password, totpSecret } = bastion.admin;
  await page.goto(bastion.url);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  // A code is good once, and the demo may have used this one.
  await page.waitForTimeout(30_000 - (Date.now() % 30_000) + 500);
  await page.getByLabel('Code from').fill(generateSync({ secret: totpSecret }));
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('link', { name: /sleep 600/ }).waitFor();
  mkdirSync(images, { recursive: true });
  await page.screenshot({ path: join(images, 'overview.png'), animations: 'disabled' });

  await page.goto(`${bastion.url}/sessions`);
  await page.getByRole('link', { name: /clip 4711/ }).click();
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('.ap-player').getByText('clip 4711 done').first().waitFor();
  await page.getByText('Verified in this browser.').waitFor();
  // High enough for the replay and, below it, the verdict.
  await page.setViewportSize({ ...VIEW, height: REPLAY_HEIGHT });
  await page.locator('.session-grid').evaluate((grid) => grid.scrollIntoView());
  await page.screenshot({ path: join(images, 'replay.png'), animations: 'disabled' });
}

async function started() {
  const document = join(dir, 'demo', 'demo.json');
  const endMs = Date.now() + START_LIMIT_MS;
  while (!existsSync(document)) {
    if (Date.now() > endMs || demo.exitCode !== null) throw new Error('the demo did not start');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return JSON.parse(readFileSync(document, 'utf8'));
}

function ended(child) {
  return child.exitCode !== null ? Promise.resolve() : new Promise((resolve) => child.once('exit', resolve));
}
