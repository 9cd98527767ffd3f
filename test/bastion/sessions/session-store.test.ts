import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SessionStore } from '../../../bastion/sessions/session-store.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { Database } from '../../../shared/store/database.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('the list of sessions', () => {
  let database: Database;
  let store: SessionStore;

  beforeEach(async () => {
    const path = join(temporaryDirectory(), 'bastion.db');
    database = await Database.open(path, { migrations: BASTION_MIGRATIONS, synchronous: 'NORMAL' });
    onTestFinished(() => database.close());
    store = new SessionStore(database);
  });

  const at = (second: number): string => new Date(Date.UTC(2030, 0, 1) + second * 1000).toISOString();
  const session = (number: number) => ({
    id: `s-${number}`,
    operator: number % 2 === 0 ? 'alice' : 'bob',
    host: `web-${number % 3}`,
    login: 'deploy',
    startedAt: at(number),
  });

  test('is newest first, and pages by start', async () => {
    for (let number = 0; number < 10; number++) await store.start(session(number));
    const first = await store.list({ limit: 4 });
    expect(first.map(({ id }) => id)).toEqual(['s-9', 's-8', 's-7', 's-6']);
    const next = await store.list({ limit: 4, before: first.at(-1)?.startedAt ?? '' });
    expect(next.map(({ id }) => id)).toEqual(['s-5', 's-4', 's-3', 's-2']);
  });

  test('can be narrowed to operator, host and those that are live', async () => {
    for (let number = 0; number < 6; number++) await store.start(session(number));
    const end = { state: 'ended', endedAt: at(60), endReason: 'done', bytesIn: 1, bytesOut: 2 } as const;
    await store.end('s-4', end);
    const found = await store.list({ limit: 10, operator: 'alice', live: true });
    expect(found.map(({ id }) => id)).toEqual(['s-2', 's-0']);
    expect((await store.list({ limit: 10, host: 'web-1' })).map(({ id }) => id)).toEqual(['s-4', 's-1']);
    expect(await store.get('s-4')).toMatchObject({
      state: 'ended',
      bytesIn: 1,
      bytesOut: 2,
      endReason: 'done',
    });
  });

  test('can be narrowed to a login, a kind, and a time in any zone', async () => {
    for (let number = 0; number < 6; number++) {
      await store.start({ ...session(number), login: number < 2 ? 'root' : 'deploy' });
    }
    const recording = { channel: 1, kind: 'shell', startedAt: at(3), path: '/r/1.cast' } as const;
    await store.startRecording('s-3', recording);
    const ids = async (query: object) => (await store.list({ limit: 10, ...query })).map(({ id }) => id);
    expect(await ids({ login: 'root' })).toEqual(['s-1', 's-0']);
    expect(await ids({ kind: 'shell' })).toEqual(['s-3']);
    expect(await ids({ kind: 'exec' })).toEqual([]);
    expect(await ids({ kind: 'unrecorded', login: 'deploy' })).toEqual(['s-5', 's-4', 's-2']);
    expect(await ids({ from: '2030-01-01T02:00:02+02:00', to: at(3) })).toEqual(['s-3', 's-2']);
  });

  test('loses none of those that started in the same moment when it is paged', async () => {
    for (let number = 0; number < 9; number++) await store.start({ ...session(number), startedAt: at(0) });
    const seen: string[] = [];
    let last: { startedAt: string; id: string } | undefined;
    do {
      const page = await store.list({
        limit: 4,
        ...(last === undefined ? {} : { before: last.startedAt, beforeId: last.id }),
      });
      seen.push(...page.map(({ id }) => id));
      last = page.at(-1);
    } while (last !== undefined);
    expect(seen).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0].map((number) => `s-${number}`));
  });

  test('offers the names that it has, each once', async () => {
    expect(await store.names()).toEqual({ operators: [], hosts: [], logins: [] });
    for (let number = 0; number < 9; number++) await store.start(session(number));
    expect(await store.names()).toEqual({
      operators: ['alice', 'bob'],
      hosts: ['web-0', 'web-1', 'web-2'],
      logins: ['deploy'],
    });
  });

  test('has the recordings of each session', async () => {
    await store.start(session(1));
    const recording = {
      channel: 2,
      kind: 'exec',
      command: 'ls',
      startedAt: at(1),
      path: '/r/s-1-2.cast',
    } as const;
    await store.startRecording('s-1', recording);
    expect((await store.listLeftLive())[0]?.recordings).toMatchObject([{ ...recording, state: 'recording' }]);
    await store.endRecording('s-1', 2, { state: 'closed', durationMs: 5, sizeBytes: 70, sha256: 'ab' });
    expect((await store.get('s-1'))?.recordings).toEqual([
      { ...recording, state: 'closed', durationMs: 5, sizeBytes: 70, sha256: 'ab' },
    ]);
    expect(await store.recordingsBytes()).toBe(70);
  });

  test("never takes the operator's text for SQL", async () => {
    await store.start({ ...session(1), operator: `a'; DROP TABLE sessions; --` });
    expect(await store.list({ limit: 10, operator: `a'; DROP TABLE sessions; --` })).toHaveLength(1);
  });

  test('is found by index, however many sessions there are', async () => {
    const asked = vi.spyOn(database, 'all');
    const queries = [
      { query: {}, index: 'sessions_by_start' },
      { query: { operator: 'operator-7' }, index: 'sessions_by_operator' },
      { query: { host: 'host-9' }, index: 'sessions_by_host' },
      { query: { live: true }, index: 'sessions_live' },
    ];
    for (const { query, index } of queries) {
      asked.mockClear();
      await store.list({ limit: 50, ...query });
      const [sql = '', params = []] = asked.mock.calls[0] ?? [];
      const plan = await database.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, params);
      const steps = plan.map(({ detail }) => detail).join('; ');
      expect(steps, sql).toMatch(new RegExp(`^(SCAN|SEARCH) sessions USING INDEX ${index}\\b`));
      expect(steps, sql).not.toContain('TEMP B-TREE');
    }
  });
});
