import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { RecordingCatalogue } from '../../../bastion/retention/recording-catalogue.ts';
import { Retention, type RetentionParts } from '../../../bastion/retention/retention.ts';
import { SessionStore } from '../../../bastion/sessions/session-store.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { digestFile } from '../../../recordings/digest.ts';
import type { AuditEvent, AuditEventInput } from '../../../shared/audit/event.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const DAY_MS = 86_400_000;

describe('keeping recordings', () => {
  let folder: string;
  let store: SessionStore;
  let catalogue: RecordingCatalogue;
  let clock: FakeClock;
  let events: AuditEventInput[];
  let auditFails: boolean;

  beforeEach(async () => {
    folder = temporaryDirectory();
    const database = await Database.open(join(folder, 'bastion.db'), {
      migrations: BASTION_MIGRATIONS,
      synchronous: 'NORMAL',
    });
    onTestFinished(() => database.close());
    store = new SessionStore(database);
    catalogue = new RecordingCatalogue(database);
    clock = new FakeClock();
    events = [];
    auditFails = false;
  });

  const audit = {
    append: async (event: AuditEventInput): Promise<AuditEvent> => {
      if (auditFails) throw new DrawbridgeError('audit.unavailable', 'The audit log can not be written.');
      events.push(event);
      return { ...event, seq: events.length, id: 'e', time: '', prev: '', hash: '' };
    },
  };

  function retention(parts: Partial<RetentionParts> = {}): Retention {
    const made = new Retention({
      catalogue,
      audit,
      recordingsDirectory: folder,
      onDeleted: async () => undefined,
      isLive: () => false,
      lastEventAt: undefined,
      clock,
      log: silentLogger(),
      ...parts,
    });
    onTestFinished(() => made.close());
    return made;
  }

  /** A finished recording of 1,000 bytes that is so many days old. */
  async function recording(session: string, daysOld: number): Promise<string> {
    const startedAt = new Date(clock.nowMs() - daysOld * DAY_MS).toISOString();
    const path = join(folder, `${session}-1.cast`);
    writeFileSync(path, session.padEnd(1000, '.'));
    await store.start({ id: session, operator: 'alice', host: 'web-1', login: 'deploy', startedAt });
    await store.startRecording(session, { channel: 1, kind: 'shell', startedAt, path });
    const { sha256, sizeBytes } = await digestFile(path);
    await store.endRecording(session, 1, { state: 'closed', durationMs: 1, sizeBytes, sha256 });
    return path;
  }

  it('deletes what is older than it may be, with the digest in the log before the file goes', async () => {
    const old = await recording('s-old', 100);
    const { sha256 } = await digestFile(old);
    const young = await recording('s-young', 10);
    await retention({ keepForMs: 90 * DAY_MS }).round();
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(events).toEqual([
      expect.objectContaining({
        type: 'recording.deleted',
        actor: 'system',
        session: 's-old',
        channel: 1,
        path: 's-old-1.cast',
        sha256,
        sizeBytes: 1000,
      }),
    ]);
    expect((await store.get('s-old'))?.recordings[0]?.deletedAt).toBeDefined();
  });

  it('deletes the oldest while all together take too much', async () => {
    const paths = [await recording('s-3', 3), await recording('s-2', 2), await recording('s-1', 1)];
    await retention({ keepBytes: 2000 }).round();
    expect(paths.map((path) => existsSync(path))).toEqual([false, true, true]);
    expect(await catalogue.storedBytes()).toBe(2000);
  });

  it('deletes nothing that is on hold, by age, by size or by hand, and says so', async () => {
    const path = await recording('s-held', 100);
    const keeping = retention({ keepForMs: DAY_MS, keepBytes: 1 });
    await keeping.hold('admin:carol', 's-held', 'case 4711');
    await keeping.round();
    expect(existsSync(path)).toBe(true);
    expect(keeping.warning).toContain('legal hold');
    await expect(keeping.delete('admin:carol', 's-held', undefined, 'x')).rejects.toMatchObject({
      code: 'recording.held',
    });
    await keeping.release('admin:carol', 's-held', 'closed');
    await keeping.round();
    expect(existsSync(path)).toBe(false);
    expect(events.map(({ type }) => type)).toEqual([
      'recording.held',
      'recording.released',
      'recording.deleted',
    ]);
  });

  it('deletes nothing that the audit log can not take', async () => {
    const path = await recording('s-old', 100);
    const keeping = retention({ keepForMs: DAY_MS });
    auditFails = true;
    await keeping.round();
    expect(existsSync(path)).toBe(true);
    expect(keeping.warning).toContain('can not be deleted');
    await expect(keeping.delete('admin:carol', 's-old', 1, 'x')).rejects.toMatchObject({
      code: 'audit.unavailable',
    });
    expect(existsSync(path)).toBe(true);
    auditFails = false;
    await keeping.round();
    expect([existsSync(path), keeping.warning]).toEqual([false, undefined]);
  });

  it('deletes by hand what is not live, in both forms, for a reason', async () => {
    const path = await recording('s-1', 1);
    writeFileSync(`${path}.gz`, 'packed');
    const live = retention({ isLive: () => true });
    await expect(live.delete('admin:carol', 's-1', 1, 'x')).rejects.toMatchObject({ code: 'recording.live' });
    const keeping = retention();
    expect(await keeping.delete('admin:carol', 's-1', undefined, 'a name')).toBe(1);
    expect([existsSync(path), existsSync(`${path}.gz`)]).toEqual([false, false]);
    expect(events.at(-1)).toMatchObject({ actor: 'admin:carol', reason: 'a name' });
    await expect(keeping.delete('admin:carol', 's-1', 1, 'x')).rejects.toMatchObject({
      code: 'recording.not_found',
    });
    await expect(keeping.release('admin:carol', 's-1', 'x')).rejects.toMatchObject({
      code: 'recording.not_held',
    });
  });

  it('does not believe a clock that was set while it ran', async () => {
    const path = await recording('s-1', 1);
    const keeping = retention({ keepForMs: 90 * DAY_MS });
    clock.jumpTo(clock.nowMs() + 400 * DAY_MS);
    await keeping.round();
    expect(existsSync(path)).toBe(true);
    expect(keeping.warning).toContain('clock was set');
  });

  it('does not believe a clock at once that says that it was away for months', async () => {
    const path = await recording('s-1', 100);
    const lastEventAt = new Date(clock.nowMs() - 60 * DAY_MS).toISOString();
    const keeping = retention({ keepForMs: 90 * DAY_MS, lastEventAt });
    await keeping.round();
    expect([existsSync(path), keeping.warning?.includes('30 days')]).toEqual([true, true]);
    clock.advance(DAY_MS + 1);
    await keeping.round();
    expect(existsSync(path)).toBe(false);
  });
});
