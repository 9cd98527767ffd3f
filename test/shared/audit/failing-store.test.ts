import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AUDIT_MIGRATIONS } from '../../../shared/audit/audit-file.ts';
import type { AuditEventInput } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { verifyAudit } from '../../../shared/audit/verify.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const clock = new FakeClock();
const started = (n: number): AuditEventInput => ({
  type: 'exec.started',
  actor: 'operator:alice',
  command: `${n}`,
});

async function openedLog() {
  const directory = join(temporaryDirectory(), 'data');
  const identity = await createNodeIdentity(directory, 'bastion', 'acme');
  const open = () => AuditLog.open(directory, { identity, clock, log: silentLogger() });
  return { directory, identity, open };
}

describe('the audit log', () => {
  it('refuses while another process holds its file, goes on afterwards, and loses nothing', async () => {
    const { directory, identity, open } = await openedLog();
    const log = await open();
    await log.append(started(1));
    const intruder = await Database.open(join(directory, 'audit.db'), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: 'FULL',
    });
    let letGo = () => {};
    const held = intruder.transaction(async (db) => {
      await db.run("DELETE FROM event WHERE type = 'nothing'");
      await new Promise<void>((resolve) => {
        letGo = resolve;
      });
    });
    await expect(log.append(started(2))).rejects.toMatchObject({ code: 'audit.unavailable' });
    letGo();
    await held;
    await intruder.close();
    await log.append(started(3));
    await log.checkpoint();
    const report = await verifyAudit({ events: log.all(), checkpoints: [], publicJwk: identity.publicJwk });
    expect(report).toMatchObject({ ok: true });
    expect((await log.query({ type: 'exec.started', limit: 10 })).map(({ command }) => command)).toEqual([
      '1',
      '3',
    ]);
    await log.close();
  });

  it('is not opened when its file is damaged, and says what to do', async () => {
    const { directory, open } = await openedLog();
    const log = await open();
    for (let n = 0; n < 200; n += 1) await log.append(started(n));
    await log.close();
    const path = join(directory, 'audit.db');
    const file = openSync(path, 'r+');
    for (let at = 100; at < statSync(path).size; at += 512)
      writeSync(file, Buffer.alloc(256, 0xa5), 0, 256, at);
    closeSync(file);
    await expect(open()).rejects.toMatchObject({ hint: expect.stringMatching(/backup/) });
  });

  it('is not opened on a file system that is mounted read-only, and is whole when it can be written again', async (context) => {
    const { directory, identity, open } = await openedLog();
    const log = await open();
    await log.append(started(1));
    await log.close();
    const mounted = join(temporaryDirectory(), 'read-only');
    mkdirSync(mounted);
    const isMounted =
      spawnSync('mount', ['--bind', directory, mounted]).status === 0 &&
      spawnSync('mount', ['-o', 'remount,bind,ro', mounted]).status === 0;
    onTestFinished(() => {
      spawnSync('umount', ['-l', mounted]);
    });
    context.skip(!isMounted, 'mounting needs privileges that are not there');
    const there = AuditLog.open(mounted, { identity, clock, log: silentLogger() });
    await expect(there).rejects.toMatchObject({ code: expect.stringMatching(/^store\./) });
    const again = await open();
    await again.append(started(2));
    const report = await verifyAudit({ events: again.all(), checkpoints: [], publicJwk: identity.publicJwk });
    expect(report).toMatchObject({ ok: true });
    await again.close();
  });
});
