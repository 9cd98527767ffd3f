import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { SessionSummary } from '../../bastion/service.ts';
import { generateAgeKeyPair } from '../../recordings/encryption/age-identity.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { captureCommand } from '../support/captured-command.ts';
import { startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { runSsh } from '../support/ssh-client.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const DAY_MS = 86_400_000;

/** A bastion with one host that encrypts its recordings, and the file with the private key, which it never sees. */
async function encryptingBastion(): Promise<{ bastion: TestBastion; key: string; recipient: string }> {
  const { identity, recipient } = await generateAgeKeyPair();
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    config: { recordings: { compress: true, compressAfter: DAY_MS, encryptTo: [recipient] } },
  });
  const key = join(bastion.dir, 'recordings.key');
  writeFileSync(key, `# public key: ${recipient}\n${identity}\n`);
  await bastion.accessOn();
  return { bastion, key, recipient };
}

async function endedSession(bastion: TestBastion): Promise<SessionSummary> {
  return waitFor(async () => {
    const sessions = (await bastion.call('sessions.list', { limit: 10 })) as unknown as SessionSummary[];
    return sessions.find(({ state }) => state === 'ended');
  });
}

test('what is recorded can be read with the private key alone, and be verified without it', async () => {
  const { bastion, key, recipient } = await encryptingBastion();
  await bastion.auditHas('bastion.started', { encryptTo: [recipient] });
  const args = await bastion.sshArgs('web-1', LOGIN);
  const shown = await runSsh([...args, 'echo se""cret-word']);
  expect(shown.stdout).toBe('secret-word\n');
  const { id, recordings } = await endedSession(bastion);
  const [recording] = recordings;
  expect(recording).toMatchObject({ encrypted: true, state: 'closed', sizeBytes: expect.any(Number) });
  const path = recording?.path ?? '';
  expect(basename(path)).toBe(`${id}-1.cast.age`);
  await bastion.auditHas('recording.closed', { complete: true, sha256: recording?.sha256 ?? '' });
  const config = ['--config', join(bastion.dir, 'bastion.yaml')];

  const listed = await captureCommand(['recordings', 'ls', ...config]);
  expect(listed.out).toContain('echo se""cret-word (encrypted)');
  const unread = await captureCommand(['recordings', 'play', id, ...config]);
  expect(unread).toMatchObject({ status: 1, err: expect.stringContaining('--identity FILE') });
  const played = await captureCommand(['recordings', 'play', id, '--identity', key, ...config]);
  expect(played).toMatchObject({ status: 0, out: expect.stringContaining('secret-word') });
  // On another machine, where there is no bastion, from the file alone.
  const elsewhere = join(bastion.dir, basename(path));
  writeFileSync(elsewhere, readFileSync(path));
  const away = await captureCommand(['recordings', 'play', elsewhere, '--identity', key]);
  expect(away).toMatchObject({ status: 0, out: expect.stringContaining('secret-word') });

  const verified = await captureCommand(['recordings', 'verify', ...config]);
  expect(verified).toMatchObject({ status: 0, out: expect.stringContaining('unchanged') });
  const archive = join(bastion.dir, 'evidence.tar');
  const archived = await captureCommand(['audit', 'export', '--out', archive, ...config]);
  expect(archived).toMatchObject({ status: 0 });
  const keys = await captureCommand(['audit', 'keys', ...config]);
  const pub = join(bastion.dir, 'bastion.pub');
  writeFileSync(pub, keys.out.split('\n').find((line) => line.startsWith('drawbridge/')) ?? keys.out);
  const checked = await captureCommand(['audit', 'verify', archive, '--key', pub]);
  expect(checked).toMatchObject({ status: 0, err: '', out: expect.stringContaining('1 recording') });

  // No word of it stands anywhere in the clear but in the key's own reach: not in the index either.
  const inClear = readdirSync(bastion.config.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes('secret-word'));
  expect(inClear).toEqual([]);
});

test('who watches it live sees it, and after a restart it is left as it is', async () => {
  const { bastion, key } = await encryptingBastion();
  const args = await bastion.sshArgs('web-1', LOGIN);
  await runSsh([...args, 'echo one; echo two']);
  const { id, recordings } = await endedSession(bastion);
  const before = readFileSync(recordings[0]?.path ?? '');
  await bastion.restart();
  expect(readFileSync(recordings[0]?.path ?? '').equals(before)).toBe(true);
  const exported = join(bastion.dir, 'out.cast.age');
  writeFileSync(exported, before);
  const played = await captureCommand(['recordings', 'play', exported, '--identity', key]);
  expect(played.out).toContain('one\r\ntwo');
  expect(id).not.toBe('');
});

test.each([
  ['a private key', 'AGE-SECRET-KEY-1QQQ'],
  ['something else', 'ssh-ed25519 AAAA'],
])('a configuration that names %s as a recipient is refused', async (_what, text) => {
  const { recordingsSection } = await import('../../bastion/retention/recordings-section.ts');
  const parsed = recordingsSection.safeParse({ encryptTo: [text] });
  expect(parsed.success).toBe(false);
  expect(JSON.stringify(parsed.error?.issues)).toContain('never a private key');
});

test('a key pair is made by the command, and never over another', async () => {
  const { bastion } = await encryptingBastion();
  const out = join(bastion.dir, 'new.key');
  const made = await captureCommand(['recordings', 'keygen', '--out', out]);
  expect(made).toMatchObject({ status: 0, out: expect.stringMatching(/^age1[a-z0-9]{58}\n$/) });
  expect(readFileSync(out, 'utf8')).toContain(`# public key: ${made.out}AGE-SECRET-KEY-1`);
  const again = await captureCommand(['recordings', 'keygen', '--out', out]);
  expect(again).toMatchObject({ status: 1, err: expect.stringContaining('not there yet') });
});
