import { describe, expect, onTestFinished, test } from 'vitest';
import { LogVerification, type VerifyProgress } from '../../../bastion/sealing/log-verification.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

async function verification(change: (event: AuditEvent) => AuditEvent = (event) => event) {
  const clock = new FakeClock();
  const identity = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  const log = await AuditLog.open(temporaryDirectory(), { identity, clock, log: silentLogger() });
  onTestFinished(() => log.close());
  await Promise.all(
    Array.from({ length: 350 }, (_, n) => log.append({ type: 'exec.started', actor: 'operator:alice', n })),
  );
  const { note } = await log.checkpoint();
  const audit = {
    head: () => log.head(),
    signedEnd: () => log.signedEnd(),
    async *all() {
      for await (const event of log.all()) {
        clock.advance(10);
        yield change(event);
      }
    },
  };
  return {
    note,
    made: (witnessed: readonly string[] = []) =>
      new LogVerification({ identity, audit, witnessed: async () => witnessed, clock }),
  };
}

const never = () => new AbortController().signal;

describe('the verification of the whole log while the bastion goes on', () => {
  test('says that it is whole, and how far it is on the way', async () => {
    const { made, note } = await verification();
    const seen: VerifyProgress[] = [];
    const report = await made([note]).run((progress) => seen.push(progress), never());
    expect(report).toMatchObject({ ok: true, events: 351 });
    expect(report.checkpoints).toBeGreaterThan(0);
    expect(seen).toEqual([100, 200, 300].map((events) => ({ events, of: 351 })));
  });

  test('finds an event that was changed, and an end that the witness has seen and the log has not', async () => {
    const changed = await verification((event) => (event.seq === 7 ? { ...event, n: 0 } : event));
    const report = await changed.made().run(() => undefined, never());
    expect(report).toMatchObject({ ok: false, firstFault: { seq: 7 } });
    const other = await verification();
    const foreign = await other.made([changed.note]).run(() => undefined, never());
    expect(foreign.ok).toBe(false);
  });

  test('runs once at a time, stops with who asked for it, and can then be asked again', async () => {
    const { made } = await verification();
    const one = made();
    const leaving = new AbortController();
    const running = one.run(() => leaving.abort(new Error('gone')), leaving.signal);
    await expect(one.run(() => undefined, never())).rejects.toMatchObject({ code: 'audit.verifying' });
    await expect(running).rejects.toThrow('gone');
    expect((await one.run(() => undefined, never())).ok).toBe(true);
  });
});
