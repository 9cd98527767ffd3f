import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AUDIT_MIGRATIONS, auditFilePath } from '../../../shared/audit/audit-file.ts';
import { hashEvent, lineOf } from '../../../shared/audit/chain.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { endDifference, type FoundEnd, keysOf, signEnd } from '../../../shared/audit/log-end.ts';
import { verifyAudit } from '../../../shared/audit/verify.ts';
import {
  createNodeIdentity,
  loadNodeIdentity,
  rotateNodeIdentity,
} from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const clock = new FakeClock();

/** A log of six events behind a checkpoint, whose process was killed. */
async function killedLog() {
  const directory = join(temporaryDirectory(), 'data');
  await createNodeIdentity(directory, 'bastion', 'acme');
  const open = async () =>
    AuditLog.open(directory, { identity: await loadNodeIdentity(directory), clock, log: silentLogger() });
  const log = await open();
  await log.append({ type: 'exec.started', actor: 'operator:alice', command: 'before' });
  await log.checkpoint();
  for (let n = 0; n < 4; n += 1)
    await log.append({ type: 'exec.started', actor: 'operator:alice', command: `${n}` });
  await log.close();
  const change = async (work: (db: Database) => Promise<unknown>) => {
    const db = await Database.open(auditFilePath(directory), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: 'FULL',
    });
    await work(db);
    await db.close();
  };
  /** What anybody can do who may write to the file: events that follow on each other, and that nobody has signed. */
  const addForged = (count: number) =>
    change(async (db) => {
      for (let n = 0; n < count; n += 1) {
        const row = await db.get<{ line: string }>('SELECT line FROM event ORDER BY seq DESC LIMIT 1');
        const last = JSON.parse(row?.line ?? '') as AuditEvent;
        const { hash: prev, ...rest } = { ...last, seq: last.seq + 1, id: `forged-${n}`, command: 'forged' };
        const unsealed = { ...rest, prev };
        const event = { ...unsealed, hash: hashEvent(unsealed) };
        await db.run('INSERT INTO event (seq, line) VALUES (?, ?)', [event.seq, lineOf(event)]);
      }
    });
  /** As `drawbridge audit verify` does beside the file. */
  const verify = async () => {
    const reader = await AuditLog.openReadOnly(directory);
    try {
      const { id, publicJwk, successions } = await loadNodeIdentity(directory);
      const end = { id, keys: await keysOf({ publicJwk, successions }), ...(await reader.signedEnd()) };
      return await verifyAudit({ events: reader.all(), checkpoints: [], publicJwk, successions, end });
    } finally {
      await reader.close();
    }
  };
  /** The finding that the log itself has after its next opening. */
  const reopened = async () => {
    const again = await open();
    const [finding] = await again.query({ type: 'audit.end_differed', limit: 1 });
    await again.close();
    return finding;
  };
  return { directory, change, addForged, verify, reopened };
}

describe('the signed end of a log', () => {
  it('covers what stands behind the last checkpoint, also after a kill', async () => {
    const { verify, reopened } = await killedLog();
    const report = await verify();
    expect(report).toMatchObject({ ok: true, events: 6 });
    expect(JSON.stringify(report.lines)).toContain("under the signature over the log's end");
    expect(await reopened()).toBeUndefined();
  });

  it('shows events that were added while nobody wrote the log, before and after its next opening', async () => {
    const { addForged, verify, reopened } = await killedLog();
    await addForged(3);
    const text = 'events 7 to 9 were put into the log by somebody else than its writer';
    expect((await verify()).firstFault).toMatchObject({ seq: 7, text });
    expect(await reopened()).toMatchObject({
      seq: 10,
      finding: 'added',
      signedSeq: 6,
      foundSeq: 9,
      message: text,
    });
    // The checkpoint behind it signs the finding with the events, so that they never pass for the bastion's own.
    const after = await verify();
    expect(after).toMatchObject({ ok: false, firstFault: { seq: 10 } });
    expect(after.firstFault?.text).toContain(text);
    expect(await reopened()).toMatchObject({ seq: 10 });
  });

  it.each([
    ['cut', 'DELETE FROM event WHERE seq > 4', 'events 5 to 6 were cut off'],
    [
      'forged',
      "UPDATE log_end SET hash = replace(hash, '0', '1'), seq = 5",
      "not the bastion's or proxy's own",
    ],
    ['unsigned', 'DELETE FROM log_end', 'was taken away'],
  ])('shows that it was %s', async (finding, sql, text) => {
    const { change, verify, reopened } = await killedLog();
    await change((db) => db.run(sql));
    expect((await verify()).firstFault?.text).toContain(text);
    expect(await reopened()).toMatchObject({ finding, message: expect.stringContaining(text) });
  });

  it('shows that its last events were exchanged for others', async () => {
    const { change, addForged, reopened } = await killedLog();
    await change((db) => db.run('DELETE FROM event WHERE seq > 5'));
    await addForged(1);
    expect(await reopened()).toMatchObject({ finding: 'exchanged', signedSeq: 6 });
  });

  it('shows that it was taken away by whoever makes the file look older, too', async () => {
    const { change, addForged, reopened } = await killedLog();
    await addForged(1);
    await change(async (db) => {
      for (const drop of ['TRIGGER store_group', 'VIEW stored_group', 'TABLE log_end', 'INDEX event_time'])
        await db.run(`DROP ${drop}`);
      await db.run('ALTER TABLE event DROP COLUMN time');
      await db.run('PRAGMA user_version = 1');
    });
    expect(await reopened()).toMatchObject({ finding: 'unsigned', foundSeq: 7 });
  });

  it('still counts when the role has got a new key since', async () => {
    const { directory, verify, reopened } = await killedLog();
    await rotateNodeIdentity(directory, clock);
    expect(await verify()).toMatchObject({ ok: true });
    expect(await reopened()).toBeUndefined();
    expect(await verify()).toMatchObject({ ok: true });
  });

  it('is signed for one log and one place in it', async () => {
    const identity = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
    const signature = signEnd(identity, { seq: 3, hash: 'a' });
    const found = (change: Partial<FoundEnd>): string | undefined =>
      endDifference({
        id: identity.id,
        keys: [identity.publicJwk],
        foundSeq: 3,
        signed: { seq: 3, hash: 'a', signature },
        hashAtSigned: 'a',
        mustBeSigned: true,
        ...change,
      })?.finding;
    expect(found({})).toBeUndefined();
    expect(found({ id: 'b-another' })).toBe('forged');
    expect(found({ signed: { seq: 3, hash: 'b', signature }, hashAtSigned: 'b' })).toBe('forged');
    expect(found({ signed: { seq: 2, hash: 'a', signature } })).toBe('forged');
    expect(found({ signed: { seq: 3, hash: 'a', signature: '' } })).toBe('forged');
    expect(found({ signed: undefined })).toBe('unsigned');
    expect(found({ signed: undefined, mustBeSigned: false })).toBeUndefined();
  });
});
