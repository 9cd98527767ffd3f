import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { restoreBackup } from '../../../cli/backup/restore-backup.ts';
import { startProxy } from '../../../proxy/main.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { captureCommand } from '../../support/captured-command.ts';
import { startTestProxy } from '../../support/running-proxy.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

test('a backup of a running proxy is restored with its accounts, its keys and its log, and runs', async () => {
  const proxy = await startTestProxy();
  await proxy.addUser('alice');
  const dir = temporaryDirectory();
  const out = join(dir, 'proxy.tar');
  const config = join(proxy.dir, 'proxy.yaml');
  const made = await captureCommand(['proxy', 'backup', '--out', out, '--config', config]);
  expect(made).toMatchObject({ status: 0, out: expect.stringContaining('Backed up') });

  const dataDir = join(dir, 'restored');
  const wrong = await captureCommand(['bastion', 'restore', out, '--data', dataDir]);
  expect(wrong).toMatchObject({ status: 1, err: expect.stringContaining('it is one of a proxy') });
  expect(existsSync(dataDir)).toBe(false);
  const restored = await captureCommand(['proxy', 'restore', out, '--data', dataDir]);
  expect(restored).toMatchObject({ status: 0, err: expect.stringContaining('take them away again') });
  expect(readFileSync(join(dataDir, 'identity.json'))).toEqual(
    readFileSync(join(proxy.config.dataDir, 'identity.json')),
  );

  const role = await startProxy({ ...proxy.config, dataDir }, { clock: systemClock, log: silentLogger() });
  await role.stop('the test has finished');
  const log = await AuditLog.openReadOnly(dataDir);
  const types = (await log.query({ limit: 100 })).map(({ type }) => type);
  await log.close();
  expect(types).toContain('user.added');
  expect(types.indexOf('proxy.restored')).toBeGreaterThan(types.indexOf('user.added'));
  expect(types.lastIndexOf('proxy.started')).toBeGreaterThan(types.indexOf('proxy.restored'));
  await expect(restoreBackup({ role: 'proxy', path: out, dataDir })).rejects.toMatchObject({
    code: 'restore.not_empty',
  });
});
