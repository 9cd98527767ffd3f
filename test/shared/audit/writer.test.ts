import { describe, expect, it, onTestFinished } from 'vitest';
import { AUDIT_MIGRATIONS, auditFilePath } from '../../../shared/audit/audit-file.ts';
import { GENESIS_HASH } from '../../../shared/audit/chain.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { MerkleFrontier } from '../../../shared/audit/merkle.ts';
import { AuditReader } from '../../../shared/audit/reader.ts';
import { verifyAudit } from '../../../shared/audit/verify.ts';
import { AuditWriter } from '../../../shared/audit/writer.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { Database, type SqlValue } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** What goes wrong with a statement: it is not run, or it is run and then reported as failed. */
type Trouble = 'not stored' | 'stored';

/** A writer on a real database in front of which faults are put. */
async function troubledWriter() {
  const directory = temporaryDirectory();
  const identity = await createNodeIdentity(directory, 'bastion', 'acme');
  const db = await Database.open(auditFilePath(directory), {
    migrations: AUDIT_MIGRATIONS,
    synchronous: 'FULL',
  });
  const reader = await AuditReader.open(directory);
  onTestFinished(async () => {
    await reader.close();
    await db.close();
  });
  const trouble: { run: Trouble | undefined; get: boolean; stored: AuditEvent[] } = {
    run: undefined,
    get: false,
    stored: [],
  };
  const troubled = {
    async run(sql: string, params?: readonly SqlValue[]) {
      const result = trouble.run === 'not stored' ? undefined : await db.run(sql, params);
      if (trouble.run !== undefined || result === undefined) throw new Error('I/O error');
      return result;
    },
    async get<T>(sql: string, params?: readonly SqlValue[]): Promise<T | undefined> {
      if (trouble.get) throw new Error('I/O error');
      return await db.get<T>(sql, params);
    },
  };
  const writer = new AuditWriter({
    db: troubled,
    identity,
    clock: new FakeClock(),
    head: { seq: 0, hash: GENESIS_HASH, tree: new MerkleFrontier(), last: undefined },
    onStored: (event) => trouble.stored.push(event),
  });
  const append = (session: string) =>
    writer.append({ kind: 'event', input: { type: 'session.started', actor: 'system', session } });
  const verify = () => verifyAudit({ events: reader.all(), checkpoints: [], publicJwk: identity.publicJwk });
  return { trouble, writer, append, verify, db };
}

describe('the writer of the audit log', () => {
  it('refuses what was not stored, and takes the next event in its place', async () => {
    const { trouble, append, verify } = await troubledWriter();
    await append('a');
    trouble.run = 'not stored';
    const results = await Promise.allSettled([append('b'), append('c')]);
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'audit.unavailable' } });
    trouble.run = undefined;
    expect((await append('d')).seq).toBe(2);
    expect(await verify()).toMatchObject({ ok: true, events: 2 });
    expect(trouble.stored.map(({ session }) => session)).toEqual(['a', 'd']);
  });

  it('acknowledges what was stored although the store reported a failure', async () => {
    const { trouble, append, verify } = await troubledWriter();
    trouble.run = 'stored';
    expect((await append('a')).seq).toBe(1);
    trouble.run = undefined;
    expect((await append('b')).seq).toBe(2);
    expect(await verify()).toMatchObject({ ok: true, events: 2 });
  });

  it.each(['stored', 'not stored'] as const)(
    'refuses while it can not be known whether an event was stored, and then goes on (%s)',
    async (what) => {
      const { trouble, append, verify } = await troubledWriter();
      await append('a');
      trouble.run = what;
      trouble.get = true;
      await expect(append('b')).rejects.toMatchObject({ code: 'audit.unavailable' });
      trouble.run = undefined;
      await expect(append('c')).rejects.toMatchObject({ code: 'audit.unavailable' });
      trouble.get = false;
      const next = await append('d');
      expect(next.seq).toBe(what === 'stored' ? 3 : 2);
      expect(await verify()).toMatchObject({ ok: true, events: next.seq });
      expect(trouble.stored.map(({ seq }) => seq)).toEqual(Array.from({ length: next.seq }, (_, i) => i + 1));
    },
  );

  it('takes nothing any more when somebody else has written to the log', async () => {
    const { trouble, append, db } = await troubledWriter();
    await append('a');
    await db.run('INSERT INTO event (seq, line) VALUES (2, ?)', ['{"id":"x","type":"y"}']);
    await expect(append('b')).rejects.toMatchObject({ code: 'audit.unavailable' });
    await expect(append('c')).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(trouble.stored).toHaveLength(1);
  });
});
