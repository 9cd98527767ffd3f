import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startBastion } from '../../../bastion/main.ts';
import { makeBackup } from '../../../cli/backup/make-backup.ts';
import { restoreBackup } from '../../../cli/backup/restore-backup.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { filesOf, sha256, writeFiles } from '../../support/evidence-archive.ts';
import { freePort } from '../../support/free-port.ts';
import { startTestBastion } from '../../support/running-bastion.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

test('a backup of a running bastion is restored whole, verified, and with remote access off', async () => {
  const bastion = await startTestBastion();
  await bastion.accessOn();
  const dir = temporaryDirectory();
  const out = join(dir, 'backup.tar');
  const made = {
    configPath: join(bastion.dir, 'bastion.yaml'),
    out,
    createdAt: '2030-01-01T00:00:00.000Z',
    createdBy: 'a test',
  };
  const { files } = await makeBackup(made);
  expect(files).toBeGreaterThan(4);
  expect(statSync(out).mode & 0o777).toBe(0o600);
  await expect(makeBackup(made)).rejects.toThrow();

  const dataDir = join(dir, 'restored');
  const { report } = await restoreBackup({ role: 'bastion', path: out, dataDir });
  expect(report.ok).toBe(true);
  expect(existsSync(join(dataDir, 'access.json'))).toBe(false);
  await expect(restoreBackup({ role: 'bastion', path: out, dataDir })).rejects.toMatchObject({
    code: 'restore.not_empty',
  });

  const config = { ...bastion.config, dataDir, https: { host: '127.0.0.1', port: await freePort() } };
  const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
  await role.stop('the test has finished');
  const log = await AuditLog.openReadOnly(dataDir);
  const restored = await log.query({ type: 'bastion.restored', limit: 10 });
  await log.close();
  expect(restored).toMatchObject([{ madeAt: '2030-01-01T00:00:00.000Z' }]);

  const bytes = readFileSync(out);
  for (const at of [0.2, 0.5, 0.9].map((part) => Math.floor(bytes.length * part))) {
    const cut = join(dir, 'cut.tar');
    writeFileSync(cut, bytes.subarray(0, at));
    await expect(
      restoreBackup({ role: 'bastion', path: cut, dataDir: join(dir, 'from-cut') }),
    ).rejects.toThrow();
    expect(existsSync(join(dir, 'from-cut'))).toBe(false);
  }
});

test('a backup into which somebody has put that remote access is on is restored with it off', async () => {
  const bastion = await startTestBastion();
  const dir = temporaryDirectory();
  const out = join(dir, 'backup.tar');
  await makeBackup({
    configPath: join(bastion.dir, 'bastion.yaml'),
    out,
    createdAt: '2030-01-01T00:00:00.000Z',
    createdBy: 'a test',
  });
  const on = Buffer.from('{"v":1,"state":"on","since":"2020-01-01T00:00:00.000Z","by":"system"}');
  const changed = (await filesOf(out)).flatMap((file) => {
    if (file.name !== 'sums.json') return [file];
    const sums = JSON.parse(file.content.toString()) as Record<string, string>;
    const content = Buffer.from(JSON.stringify({ ...sums, 'data/access.json': sha256(on) }));
    return [
      { name: 'data/access.json', content: on },
      { ...file, content },
    ];
  });
  const path = join(dir, 'changed.tar');
  await writeFiles(path, changed);
  const dataDir = join(dir, 'restored');
  await restoreBackup({ role: 'bastion', path, dataDir });
  expect(existsSync(join(dataDir, 'access.json'))).toBe(false);
});
