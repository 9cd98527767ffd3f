import type { Page } from 'playwright-core';
import type { BastionWeb } from './bastion-web.ts';
import { totpCode } from './totp.ts';

const MINUTE_MS = 60_000;

/** Fills a bastion with what an ordinary day leaves behind. Returns the ids of a shell, an exec and a live session. */
export async function fillBastion({
  service,
}: BastionWeb): Promise<{ shell: string; exec: string; live: string }> {
  const agoIso = (ms: number) => new Date(Date.now() - ms).toISOString();
  service.addHost({ name: 'web-1', labels: { env: 'prod', role: 'web' } });
  service.addHost({ name: 'db-1', labels: { env: 'prod', role: 'database' } });
  service.addHost({
    name: 'mam-ingest-2',
    online: false,
    labels: { env: 'staging' },
    lastSeenAt: agoIso(190 * MINUTE_MS),
  });
  service.addHost({ name: 'legacy-nas', via: 'direct', target: 'sshd', labels: { env: 'prod' } });
  await service.append({ type: 'access.turned_on', actor: 'admin:carol', reason: 'Upgrade to 4.2' });
  await service.append({
    type: 'operator.refused',
    actor: 'operator:mallory',
    reason: 'no role allows host db-1',
  });
  for (let n = 0; n < 6; n++) {
    await service.addSession({
      operator: ['alice', 'bob', 'chandrasekhar.ramanujan'][n % 3] ?? 'alice',
      host: ['web-1', 'db-1', 'mam-ingest-2'][n % 3] ?? 'web-1',
      startedAt: agoIso((1_500 + n * 700) * MINUTE_MS),
      durationMs: (3 + n * 11) * MINUTE_MS,
      ...(n % 2 === 0
        ? {}
        : { kind: 'exec' as const, command: 'journalctl -u ingest --since "2 hours ago" | tail -n 200' }),
    });
  }
  const exec = await service.addSession({
    operator: 'bob',
    host: 'db-1',
    kind: 'exec',
    command: 'systemctl restart nginx',
    startedAt: agoIso(62 * MINUTE_MS),
    cast: [[0.4, 'o', 'restarted nginx\r\n']],
  });
  const shell = await service.addSession({
    operator: 'alice',
    host: 'web-1',
    startedAt: agoIso(45 * MINUTE_MS),
    cast: [
      [0.1, 'o', '\u001b[1;32mdeploy@web-1\u001b[0m:~$ '],
      [0.5, 'o', 'tail -n 3 /var/log/ingest.log\r\n'],
      [
        0.8,
        'o',
        '09:12:01 queue empty\r\n09:12:09 \u001b[33mretrying clip 4711\u001b[0m\r\n09:12:11 clip 4711 done ✓\r\n',
      ],
      [9.0, 'o', '\u001b[1;32mdeploy@web-1\u001b[0m:~$ '],
      [9.5, 'o', 'exit\r\n'],
    ],
  });
  const live = await service.addSession({
    operator: 'alice',
    host: 'db-1',
    state: 'live',
    startedAt: agoIso(4 * MINUTE_MS),
  });
  return { shell: shell.id, exec: exec.id, live: live.id };
}

/** Signs in at the page's form with a real code. */
export async function signInAtPage(
  page: Page,
  url: string,
  admin: { readonly username: string; readonly password: string; readonly totpSecret: string },
  path = '/',
): Promise<void> {
  await page.goto(url + path);
  await page.getByLabel('User name').fill(admin.username);
  await page.getByLabel('Password').fill(admin.password);
  await page.getByLabel('Code from your authenticator app').fill(totpCode(admin.totpSecret, Date.now()));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}
