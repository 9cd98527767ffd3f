import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AUDIT_MIGRATIONS } from '../../../shared/audit/audit-file.ts';
import { GENESIS_HASH, hashEvent } from '../../../shared/audit/chain.ts';
import { openCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { verifyAudit } from '../../../shared/audit/verify.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { collect } from '../../support/collect.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startTypeScriptChild } from '../../support/inline-child.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const clock = new FakeClock();

async function openLog(directory = temporaryDirectory(), identity?: NodeIdentity) {
  const who = identity ?? (await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme'));
  const log = await AuditLog.open(directory, { identity: who, clock, log: silentLogger() });
  onTestFinished(() => log.close());
  return { log, directory, identity: who };
}

const started = (session: string) => ({ type: 'session.started', actor: 'operator:alice', session }) as const;

describe('the audit log', () => {
  it('numbers, dates and links what is appended', async () => {
    const { log } = await openLog();
    expect(await log.head()).toEqual({ seq: 0, hash: GENESIS_HASH });
    const first = await log.append({ ...started('s1'), host: 'web-1', count: 3, nothing: undefined });
    const second = await log.append(started('s2'));
    expect(first).toMatchObject({ seq: 1, prev: GENESIS_HASH, time: '2030-01-01T12:00:00.000Z', count: 3 });
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(second).toMatchObject({ seq: 2, prev: first.hash, hash: hashEvent(second) });
    expect(await collect(log.all())).toEqual(JSON.parse(JSON.stringify([first, second])));
    expect(await log.head()).toEqual({ seq: 2, hash: second.hash });
  });

  it('stores many appends at once in the order in which they were asked for', async () => {
    const { log, identity } = await openLog();
    const events = await Promise.all(Array.from({ length: 3000 }, (_, i) => log.append(started(`s${i}`))));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.map(({ session }) => session)).toEqual(events.map((_, i) => `s${i}`));
    const report = await verifyAudit({ events: log.all(), checkpoints: [], publicJwk: identity.publicJwk });
    expect(report).toMatchObject({ ok: true, events: 3000 });
  });

  it('refuses, and does not hold in memory, what is beyond the bound on waiting appends', async () => {
    const { log } = await openLog();
    const results = await Promise.allSettled(
      Array.from({ length: 12_000 }, (_, i) => log.append(started(`s${i}`))),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBe(2000);
    expect(refused[0]?.reason).toMatchObject({ code: 'audit.unavailable' });
    expect((await log.append(started('later'))).seq).toBe(10_001);
  });

  it('stores an event with an id of its own once, however often it is appended', async () => {
    const { log } = await openLog();
    const id = '0190d6f0-0000-7000-8000-000000000001';
    const [one, two] = await Promise.all([
      log.append({ ...started('s'), id }),
      log.append({ ...started('s'), id }),
    ]);
    const three = await log.append({ ...started('s'), id });
    expect([two.seq, three.seq]).toEqual([one.seq, one.seq]);
    expect((await log.head()).seq).toBe(1);
  });

  it('is not to be talked into another place, time or hash by an event', async () => {
    const { log } = await openLog();
    const event = await log.append({ ...started('s'), seq: 99, time: 'then', prev: 'x', hash: 'y' });
    expect(event).toMatchObject({ seq: 1, time: '2030-01-01T12:00:00.000Z', prev: GENESIS_HASH });
    expect(event.hash).toBe(hashEvent(event));
    await expect(log.append({ type: 'checkpoint.signed', actor: 'system' })).rejects.toThrow('checkpoint()');
  });

  it('takes text that is not well-formed, and refuses only the event that it can not write', async () => {
    const { log, identity } = await openLog();
    const [odd, bad, good] = await Promise.allSettled([
      log.append({ ...started('s'), command: 'a\ud800b\u0000\u2028"\\', list: ['\udc00'] }),
      log.append({ ...started('s'), count: Number.NaN }),
      log.append({ ...started('s'), command: 'ü😀' }),
    ]);
    expect(odd).toMatchObject({ value: { seq: 1, command: 'a\ufffdb\u0000\u2028"\\', list: ['\ufffd'] } });
    expect(bad).toMatchObject({ reason: { code: 'audit.unavailable' } });
    expect(good).toMatchObject({ value: { seq: 2 } });
    await expect(log.append({ ...started('s'), command: 'x'.repeat(300_000) })).rejects.toMatchObject({
      code: 'audit.too_large',
    });
    expect(
      await verifyAudit({ events: log.all(), checkpoints: [], publicJwk: identity.publicJwk }),
    ).toMatchObject({
      ok: true,
      events: 2,
    });
  });

  it('is not changed by a caller who changes the object afterwards', async () => {
    const { log } = await openLog();
    const input: { type: 'session.started'; actor: 'system'; session: string } = {
      type: 'session.started',
      actor: 'system',
      session: 'before',
    };
    const appended = log.append(input);
    input.session = 'after';
    expect((await appended).session).toBe('before');
  });

  it('goes on where it ended when it is opened again', async () => {
    const { log, directory, identity } = await openLog();
    const first = await log.append(started('s1'));
    await log.checkpoint();
    await log.close();
    const { log: again } = await openLog(directory, identity);
    const third = await again.append(started('s3'));
    expect(third.seq).toBe(3);
    await again.checkpoint();
    const report = await verifyAudit({ events: again.all(), checkpoints: [], publicJwk: identity.publicJwk });
    expect(report).toMatchObject({ ok: true, events: 4, checkpoints: 2 });
    expect((await again.query({ session: 's1', limit: 1 }))[0]).toEqual(first);
  });

  it('finds events by what they are about, both ways round, in pages', async () => {
    const { log } = await openLog();
    for (let i = 0; i < 10; i += 1) {
      await log.append({ ...started(`s${i % 2}`), operator: i < 5 ? 'alice' : 'bob', host: 'web-1' });
    }
    await log.append({ type: 'session.ended', actor: 'system', session: 's0' });
    const seqs = async (query: Parameters<AuditLog['query']>[0]) =>
      (await log.query(query)).map(({ seq }) => seq);
    expect(await seqs({ limit: 3 })).toEqual([1, 2, 3]);
    expect(await seqs({ limit: 3, after: 3 })).toEqual([4, 5, 6]);
    expect(await seqs({ limit: 2, newestFirst: true })).toEqual([11, 10]);
    expect(await seqs({ limit: 2, newestFirst: true, before: 10 })).toEqual([9, 8]);
    expect(await seqs({ limit: 9, session: 's0', operator: 'alice' })).toEqual([1, 3, 5]);
    expect(await seqs({ limit: 9, type: 'session.ended' })).toEqual([11]);
    expect(await seqs({ limit: 9, host: 'db-1' })).toEqual([]);
    for (const limit of [0, 1001, 1.5]) {
      await expect(log.query({ limit })).rejects.toMatchObject({ code: 'usage.limit' });
    }
  });

  it('finds a text anywhere in an event, in either case, and as it was written', async () => {
    const { log } = await openLog();
    for (let n = 0; n < 20; n++) await log.append({ ...started(`s${n}`), path: `/Srv/"q\\${n}"` });
    const find = async (text: string, query: object = {}) => {
      const { events, searchedTo } = await log.search(text, { limit: 100, ...query });
      return { found: events.map(({ seq }) => seq), searchedTo };
    };
    expect(await find('/srv/"Q\\7"')).toEqual({ found: [8], searchedTo: undefined });
    expect(await find('nowhere')).toEqual({ found: [], searchedTo: undefined });
    expect(await find('%')).toEqual({ found: [], searchedTo: undefined });
    expect(await find('srv', { limit: 3, newestFirst: true })).toEqual({
      found: [20, 19, 18],
      searchedTo: 18,
    });
    expect(await find('srv', { limit: 3, newestFirst: true, before: 18 })).toEqual({
      found: [17, 16, 15],
      searchedTo: 15,
    });
    expect(await find('srv', { limit: 2, after: 5 })).toEqual({ found: [6, 7], searchedTo: 7 });
    expect(await find('srv', { session: 's4' })).toEqual({ found: [5], searchedTo: undefined });
  });

  it('finds events by their time, also those that a clock which was set back has put elsewhere', async () => {
    const { log } = await openLog();
    const atFirst = clock.nowMs();
    onTestFinished(() => clock.jumpTo(atFirst));
    let now = atFirst;
    const times: string[] = [];
    for (const stepMs of [0, 1_000, 1_000, -5_000, 1_000, 9_000]) {
      now += stepMs;
      clock.jumpTo(now);
      times.push((await log.append(started('s1'))).time);
    }
    const [first, second, third, back] = times;
    const find = async (query: object) =>
      (await log.search('', { limit: 100, ...query })).events.map(({ seq }) => seq);
    expect(await find({ from: second, to: third })).toEqual([2, 3]);
    expect(await find({ from: second, newestFirst: true })).toEqual([6, 3, 2]);
    expect(await find({ to: first })).toEqual([1, 4, 5]);
    expect(await find({ to: back, session: 's1' })).toEqual([4]);
    expect(await find({ to: back, session: 's2' })).toEqual([]);
    expect(await find({ from: back, to: first })).toEqual([1, 4, 5]);
  });

  it('looks at a stretch of the log in one search, and says where it stopped', async () => {
    const { log, directory } = await openLog();
    await log.append(started('needle'));
    const database = await Database.open(join(directory, 'audit.db'), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: 'NORMAL',
    });
    onTestFinished(() => database.close());
    await database.run(
      `INSERT INTO event (seq, line) WITH RECURSIVE n (seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < 60000)
       SELECT seq, json_object('seq', seq, 'id', 'i' || seq, 'time', 't', 'type', 'x', 'actor', 'a', 'prev', '', 'hash', '')
       FROM n`,
    );
    const first = await log.search('needle', { limit: 10, newestFirst: true });
    expect(first).toEqual({ events: [], searchedTo: 10_001 });
    const second = await log.search('needle', { limit: 10, newestFirst: true, before: 10_001 });
    expect(second.events.map(({ seq }) => seq)).toEqual([1]);
    expect(second.searchedTo).toBeUndefined();
    expect((await log.search('nowhere', { limit: 10 })).searchedTo).toBe(50_000);
    expect(await log.search('nowhere', { limit: 10, after: 50_000 })).toEqual({ events: [] });
    // Where the times asked for begin and end is known, so that nothing else is looked at.
    const { time } = (await log.query({ limit: 1 }))[0] as AuditEvent;
    const day = await log.search('', { limit: 10, newestFirst: true, from: time, to: time });
    expect(day.events.map(({ seq }) => seq)).toEqual([1]);
    expect(day.searchedTo).toBeUndefined();
    expect(await log.search('', { limit: 10, from: 'u' })).toEqual({ events: [] });
  });

  it('is read as it is when an older version wrote it', async () => {
    const { log, directory } = await openLog();
    const { time } = await log.append(started('s1'));
    await log.close();
    const database = await Database.open(join(directory, 'audit.db'), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: 'FULL',
    });
    for (const drop of ['TRIGGER store_group', 'VIEW stored_group', 'TABLE log_end', 'INDEX event_time'])
      await database.run(`DROP ${drop}`);
    await database.run('ALTER TABLE event DROP COLUMN time');
    await database.run('PRAGMA user_version = 1');
    await database.close();
    const reader = await AuditLog.openReadOnly(directory);
    onTestFinished(() => reader.close());
    expect((await reader.search('', { limit: 10, from: time })).events).toHaveLength(1);
    expect(await reader.signedEnd()).toEqual({ foundSeq: 1 });
  });

  it('tells subscribers of each event in order, also when one of them throws', async () => {
    const { log } = await openLog();
    const seen: number[] = [];
    log.subscribe(() => {
      throw new Error('broken listener');
    });
    const stop = log.subscribe(({ seq }) => seen.push(seq));
    await Promise.all(Array.from({ length: 5 }, () => log.append(started('s'))));
    stop();
    await log.append(started('s'));
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('can be read and followed by another process while it is written', async () => {
    const { log, directory } = await openLog();
    await log.append(started('s1'));
    const child = await startTypeScriptChild(`
      import { AuditLog } from 'project/shared/audit/log.ts';
      const source = await AuditLog.openReadOnly(${JSON.stringify(directory)});
      for await (const event of source.all()) console.log('read', event.seq);
      source.subscribe((event) => console.log('followed', event.seq, event.session));
      setInterval(() => {}, 1000);
    `);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await waitFor(() => output.includes('read 1'));
    await waitFor(async () => {
      await log.append(started('s2'));
      return output.includes('followed');
    });
    expect(output).toMatch(/followed \d+ s2/);
  });

  it('signs checkpoints over all that was stored before, and not again while nothing happens', async () => {
    const { log, identity } = await openLog();
    expect(await log.lastCheckpoint()).toBeUndefined();
    await Promise.all([log.append(started('a')), log.append(started('b'))]);
    const checkpoint = await log.checkpoint();
    expect(openCheckpoint(checkpoint.note, identity.publicJwk)).toEqual({
      id: identity.id,
      size: 2,
      root: checkpoint.root,
    });
    expect(await log.checkpoint()).toEqual(checkpoint);
    expect(await log.lastCheckpoint()).toEqual(checkpoint);
    expect((await log.query({ type: 'checkpoint.signed', limit: 10 })).length).toBe(1);
    // In one group with events: it covers those before it and not those after it.
    const [, second] = await Promise.all([
      log.append(started('c')),
      log.checkpoint(),
      log.append(started('d')),
    ]);
    expect(second.size).toBe(4);
  });

  it('refuses to open when an event is missing, the last one was changed, or the checkpoint does not fit', async () => {
    const damage = async (sql: string): Promise<unknown> => {
      const { log, directory, identity } = await openLog();
      for (let i = 0; i < 5; i += 1) await log.append(started(`s${i}`));
      await log.checkpoint();
      await log.append(started('last'));
      await log.close();
      const db = await Database.open(join(directory, 'audit.db'), {
        migrations: AUDIT_MIGRATIONS,
        synchronous: 'FULL',
      });
      await db.run(sql);
      await db.close();
      return openLog(directory, identity).catch((error: unknown) => error);
    };
    const error = { code: 'audit.damaged', hint: expect.stringContaining('drawbridge audit verify') };
    expect(await damage('DELETE FROM event WHERE seq = 3')).toMatchObject(error);
    expect(await damage("UPDATE event SET line = replace(line, 's2', 's9') WHERE seq = 3")).toMatchObject(
      error,
    );
    expect(await damage("UPDATE event SET line = replace(line, 'last', 'lost') WHERE seq = 7")).toMatchObject(
      error,
    );
  });

  it('refuses appends after it was closed', async () => {
    const { log } = await openLog();
    const last = log.append(started('s'));
    await log.close();
    expect((await last).seq).toBe(1);
    await expect(log.append(started('t'))).rejects.toMatchObject({ code: 'audit.unavailable' });
    await expect(log.append({ ...started('t'), id: 'x' })).rejects.toMatchObject({
      code: 'audit.unavailable',
    });
  });
});

describe('the audit log in bad times', () => {
  it('refuses while the disk is full, goes on when there is room, and loses nothing', async (context) => {
    const directory = temporaryDirectory();
    const run = promisify(execFile);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', directory]).then(
      () => true,
      () => false,
    );
    context.skip(!mounted, 'mounting a small tmpfs needs privileges that are not there');
    const { identity } = await openLog();
    try {
      const log = await AuditLog.open(directory, { identity, clock, log: silentLogger() });
      const acknowledged: AuditEvent[] = [await log.append(started('before'))];
      await run('sh', ['-c', `head -c 100000000 /dev/zero > ${directory}/filler || true`]);
      let refused = 0;
      for (let i = 0; i < 20; i += 1) {
        const big = { ...started(`full-${i}`), command: 'x'.repeat(200_000) };
        await log.append(big).then(
          (event) => acknowledged.push(event),
          (error: unknown) => {
            expect(error).toMatchObject({
              code: 'audit.unavailable',
              message: expect.stringContaining('disk is full'),
            });
            refused += 1;
          },
        );
      }
      expect(refused).toBeGreaterThan(10);
      await log.close();
      const reopened = await AuditLog.open(directory, { identity, clock, log: silentLogger() });
      await run('rm', [join(directory, 'filler')]);
      acknowledged.push(await reopened.append(started('after')));
      const stored = await collect(reopened.all());
      expect(stored.map(({ hash }) => hash)).toEqual(acknowledged.map(({ hash }) => hash));
      const report = await verifyAudit({
        events: reopened.all(),
        checkpoints: [],
        publicJwk: identity.publicJwk,
      });
      expect(report.ok).toBe(true);
      await reopened.close();
    } finally {
      await run('umount', [directory]);
    }
  });

  it('has every acknowledged event and a whole chain after a kill in the middle of appends', async () => {
    const keyDirectory = temporaryDirectory();
    const identity = await createNodeIdentity(keyDirectory, 'bastion', 'acme');
    const directory = temporaryDirectory();
    for (let round = 0; round < 4; round += 1) {
      const child = await startTypeScriptChild(`
        import { AuditLog } from 'project/shared/audit/log.ts';
        import { systemClock } from 'project/shared/clock.ts';
        import { loadNodeIdentity } from 'project/shared/identity/node-identity.ts';
        import { silentLogger } from 'project/shared/log.ts';
        const identity = await loadNodeIdentity(${JSON.stringify(keyDirectory)});
        const log = await AuditLog.open(${JSON.stringify(directory)}, { identity, clock: systemClock, log: silentLogger() });
        async function writer() {
          for (;;) {
            const { seq, hash } = await log.append({ type: 'exec.started', actor: 'operator:alice', command: 'true' });
            console.log(seq + ' ' + hash);
          }
        }
        for (let i = 0; i < 32; i += 1) void writer();
      `);
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      await waitFor(() => output.length > 20_000 * (round + 1));
      child.kill('SIGKILL');
      await waitFor(() => child.signalCode === 'SIGKILL' && child.stdout.readableEnded);
      const log = await AuditLog.open(directory, { identity, clock, log: silentLogger() });
      const stored = new Map((await collect(log.all())).map(({ seq, hash }) => [seq, hash]));
      const acknowledged = output.split('\n').slice(0, -1);
      expect(acknowledged.length).toBeGreaterThan(100);
      for (const line of acknowledged) {
        const [seq, hash] = line.split(' ');
        expect(stored.get(Number(seq))).toBe(hash);
      }
      const report = await verifyAudit({ events: log.all(), checkpoints: [], publicJwk: identity.publicJwk });
      expect(report.lines.filter(({ ok }) => !ok)).toEqual([]);
      await log.close();
    }
  });
});
