import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import sqlite3 from 'sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { captureCommand } from '../../support/captured-command.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../../support/running-bastion.ts';
import { totpCode } from '../../support/totp.ts';
import { waitFor } from '../../support/wait-for.ts';

const LOGIN = userInfo().username;

async function bastionWithHost(options: Parameters<typeof startTestBastion>[0] = {}): Promise<TestBastion> {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    ...options,
  });
  await bastion.accessOn();
  return bastion;
}

async function liveSession(bastion: TestBastion) {
  const ssh = spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo in; sleep 60']);
  await waitFor(() => ssh.seen.stdout.includes('in'));
  return ssh;
}

/** `drawbridge access off`, for the bastion of a test. */
function accessOff(bastion: TestBastion, ...words: string[]) {
  const socket = join(bastion.config.dataDir, 'control.sock');
  return captureCommand(['access', 'off', '--socket', socket, ...words]);
}

const isStoredOn = (bastion: TestBastion) => existsSync(join(bastion.config.dataDir, 'access.json'));

async function accessOf(bastion: TestBastion): Promise<{ state: string }> {
  return ((await bastion.call('status')) as { access: { state: string } }).access;
}

test('off works while no bastion runs: the next start finds it off, and the log says who it was', async () => {
  const bastion = await bastionWithHost();
  await bastion.role.stop('the test');
  const run = await accessOff(bastion, '--reason', 'nobody is here');
  expect(run).toMatchObject({ status: 0, out: expect.stringContaining('no bastion runs') });
  expect(isStoredOn(bastion)).toBe(false);
  await bastion.restart();
  expect(await accessOf(bastion)).toMatchObject({
    state: 'off',
    reason: 'nobody is here',
    by: `local:${LOGIN}`,
  });
  await bastion.auditHas('access.turned_off', {
    late: true,
    actor: `local:${LOGIN}`,
    reason: 'nobody is here',
  });
  await bastion.restart();
  expect(await bastion.audit('access.turned_off')).toHaveLength(1);
});

test('off that comes while the bastion is being restarted holds, whenever it comes', async () => {
  const bastion = await bastionWithHost();
  for (const delayMs of [0, 5, 20, 60, 120, 250]) {
    await bastion.call('access.set', { state: 'on' });
    const restarted = bastion.restart();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const run = await accessOff(bastion);
    await restarted;
    expect({ delayMs, ...run }).toMatchObject({ delayMs, status: 0 });
    expect(isStoredOn(bastion)).toBe(false);
    await waitFor(async () => (await accessOf(bastion)).state === 'off', { what: 'off' });
  }
});

test('who removes the stored state turns access off, though the bastion runs', async () => {
  const bastion = await bastionWithHost();
  const ssh = await liveSession(bastion);
  rmSync(join(bastion.config.dataDir, 'access.json'));
  expect(await ssh.ended).toBe(255);
  expect(await accessOf(bastion)).toMatchObject({ state: 'off', reason: 'its stored state was removed' });
});

test('off cuts at once while both databases are locked by somebody else', async () => {
  const bastion = await bastionWithHost();
  const ssh = await liveSession(bastion);
  const locks = await Promise.all(
    ['audit.db', 'bastion.db'].map((name) => lockDatabase(join(bastion.config.dataDir, name))),
  );
  const run = accessOff(bastion);
  expect(await ssh.ended).toBe(255);
  expect(isStoredOn(bastion)).toBe(false);
  await Promise.all(locks.map((release) => release()));
  expect((await run).status).toBe(0);
  expect(await accessOf(bastion)).toMatchObject({ state: 'off' });
});

test('off by command cuts while floods keep the event loop busy', async () => {
  const bastion = await bastionWithHost();
  const args = await bastion.sshArgs('web-1', LOGIN);
  const floods = Array.from({ length: 6 }, (_, i) =>
    spawnSsh([...args, i % 2 === 0 ? 'yes' : 'cat /dev/zero']),
  );
  await waitFor(() => floods.every(({ seen }) => seen.stdoutBytes > 1_000_000), {
    what: 'the floods',
    timeoutMs: 40_000,
  });
  expect((await accessOff(bastion)).status).toBe(0);
  for (const flood of floods) expect(await flood.ended).not.toBe(0);
  expect(isStoredOn(bastion)).toBe(false);
  expect(await accessOf(bastion)).toMatchObject({ state: 'off' });
  const ended = await waitFor(async () => {
    const events = await bastion.audit('session.ended');
    return events.length === floods.length ? events : undefined;
  });
  for (const event of ended) expect(event['code']).toBe('access.off');
});

test('an administrator signs in at the page and turns access off while no event can be stored', async () => {
  let failing = false;
  const bastion = await bastionWithHost({
    deps: {
      wrapAudit: (log) => ({
        append: async (event) => {
          if (failing) throw new Error('the disk is gone');
          return log.append(event);
        },
      }),
    },
  });
  const ssh = await liveSession(bastion);
  failing = true;
  const { username, password, totpSecret } = bastion.admin;
  const signedIn = await ask(bastion, 'POST', '/api/login', {
    username,
    password,
    code: totpCode(totpSecret, Date.now()),
  });
  expect(signedIn.status).toBe(200);
  const cookie = String(signedIn.cookie).split(';')[0] ?? '';
  expect((await ask(bastion, 'GET', '/api/status', undefined, cookie)).status).toBe(200);
  const off = await ask(bastion, 'PUT', '/api/access', { state: 'off' }, cookie);
  // It says that the event is missing, and is off.
  expect(off.status).not.toBe(200);
  expect(await ssh.ended).toBe(255);
  expect(isStoredOn(bastion)).toBe(false);
  failing = false;
  await waitFor(
    () => bastion.audit('admin.signed_in').then((events) => events.some((event) => event['late'])),
    {
      what: 'the late event of the sign-in',
      timeoutMs: 15_000,
    },
  );
});

const mountPoint = join(tmpdir(), `drawbridge-full-${process.pid}`);
const mayMount = canMount();

test.runIf(mayMount)('off works, is kept and cuts while the disk is full', async () => {
  mkdirSync(mountPoint, { recursive: true });
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', mountPoint]);
  onTestFinished(() => {
    spawnSync('umount', ['-l', mountPoint]);
    rmSync(mountPoint, { recursive: true, force: true });
  });
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = mountPoint;
  onTestFinished(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  const bastion = await bastionWithHost();
  expect(bastion.config.dataDir).toContain(mountPoint);
  const ssh = await liveSession(bastion);
  for (const sizeBytes of [1_048_576, 4096]) {
    for (let number = 0; number < 1_000; number++) {
      try {
        writeFileSync(join(mountPoint, `fill-${sizeBytes}-${number}`), Buffer.alloc(sizeBytes));
      } catch {
        break;
      }
    }
  }
  await accessOff(bastion);
  expect(await ssh.ended).toBe(255);
  expect(isStoredOn(bastion)).toBe(false);
  expect(await accessOf(bastion)).toMatchObject({ state: 'off' });
});

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  mkdirSync(mountPoint, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mountPoint]).status === 0;
  if (mounted) spawnSync('umount', [mountPoint]);
  rmSync(mountPoint, { recursive: true, force: true });
  return mounted;
}

function lockDatabase(path: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(path, (openError) => {
      if (openError !== null) return reject(openError);
      database.exec('BEGIN IMMEDIATE', (error) => {
        if (error !== null) return reject(error);
        resolve(() => new Promise((done) => database.close(() => done())));
      });
    });
  });
}

async function ask(bastion: TestBastion, method: string, path: string, body?: object, cookie?: string) {
  return new Promise<{ status: number; cookie: string | undefined; body: string }>((resolve, reject) => {
    const sent = request(
      new URL(path, bastion.role.addresses['https']),
      {
        method,
        ca: bastion.ca,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(cookie === undefined ? {} : { cookie }),
        },
      },
      (answer) => {
        text(answer)
          .then((content) =>
            resolve({
              status: answer.statusCode ?? 0,
              cookie: answer.headers['set-cookie']?.[0],
              body: content,
            }),
          )
          .catch(reject);
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
