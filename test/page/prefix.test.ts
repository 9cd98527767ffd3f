import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type BastionWeb, BUILT_PAGE_DIR, startBastionWeb } from '../support/bastion-web.ts';
import { launchBrowser, openWindow } from '../support/browser.ts';
import { fillBastion, signInAtPage } from '../support/page-fixture.ts';
import { createTestCertificate } from '../support/test-certificate.ts';

const PREFIX = '/remote-access';
/** What a first visit may load, compressed; the player comes when it is asked for. */
const FIRST_LOAD_LIMIT_BYTES = 150_000;

let web: BastionWeb;
beforeAll(async () => {
  web = await startBastionWeb({ reverseProxies: ['127.0.0.1'] });
});
afterAll(() => web.close());

/** A reverse proxy as people set one up: it takes the prefix off, and says which it was and who asked. */
async function startReverseProxy(): Promise<string> {
  const { cert, key } = await createTestCertificate();
  const server: Server = createServer({ cert, key }, (incoming, outgoing) => {
    if (incoming.url?.startsWith(PREFIX) !== true) {
      outgoing.writeHead(404).end('nothing of ours');
      return;
    }
    const onward = request(new URL(incoming.url.slice(PREFIX.length) || '/', web.url), {
      method: incoming.method ?? 'GET',
      ca: web.ca,
      headers: { ...incoming.headers, 'x-forwarded-prefix': PREFIX, 'x-forwarded-for': '198.51.100.7' },
    });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}${PREFIX}`;
}

test('the page works under a path behind a reverse proxy, and the audit log names who really asked', async () => {
  const ids = await fillBastion(web);
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const url = await startReverseProxy();
  const window = await openWindow(browser);
  const { page } = window;
  const admin = { username: 'carol', ...(await web.addAdmin('carol', 'admin')) };
  await signInAtPage(page, url, admin, '/sessions');
  await page.getByRole('link', { name: /systemctl restart nginx/ }).click();
  expect(page.url().startsWith(`${url}/sessions/`)).toBe(true);
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('.ap-player').getByText('restarted nginx').waitFor();
  await page.goto(`${url}/sessions/${ids.live}`);
  await page.getByRole('button', { name: 'Watch live' }).click();
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Audit log', exact: true }).click();
  await page.getByRole('heading', { name: 'Audit log' }).waitFor();
  await page.reload();
  await web.service.append({ type: 'operator.refused', actor: 'operator:eve', reason: 'arrives by itself' });
  await page.getByText('arrives by itself').waitFor();
  const signedIn = web.service.events.find(({ type }) => type === 'admin.signed_in');
  expect(signedIn).toMatchObject({ source: '198.51.100.7' });
  expect(window.faults.filter((fault) => !fault.includes('401'))).toEqual([]);
});

test.each(['//evil.example', '/a"onload="x', '/../x', 'https://evil.example', '/<b>', `/${'a'.repeat(70)}`])(
  'a prefix such as %s does not get into the page',
  async (prefix) => {
    const { text } = await web.fetch('/', { headers: { 'x-forwarded-prefix': prefix } });
    expect(text).toContain('name="base-path" content=""');
    expect(text).toContain('src="/assets/');
  },
);

test('who is no reverse proxy of ours is believed nothing about who they are', async () => {
  const other = await startBastionWeb();
  onTestFinished(() => other.close());
  const body = { username: 'nobody', password: 'x', code: '000000' };
  await other.fetch('/api/login', { method: 'POST', body, headers: { 'x-forwarded-for': '198.51.100.7' } });
  const refused = other.service.events.find(({ type }) => type === 'admin.refused');
  expect(refused).toMatchObject({ source: '127.0.0.1' });
});

test('a first visit loads less than 150 KB compressed, without the player', () => {
  const index = readFileSync(join(BUILT_PAGE_DIR, 'index.html'), 'utf8');
  const files = [...index.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, file]) => String(file));
  expect(files.length).toBeGreaterThan(2);
  const bytes = [index, ...files.map((file) => readFileSync(join(BUILT_PAGE_DIR, file)))].map(
    (content) => gzipSync(content).length,
  );
  expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(FIRST_LOAD_LIMIT_BYTES);
  expect(files.filter((file) => file.includes('asciinema'))).toEqual([]);
});
