import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { FaultList } from '../../../shared/audit/fault-list.ts';
import { RecordingCheck } from '../../../shared/audit/recording-check.ts';

describe('RecordingCheck', () => {
  const digest = 'ab'.repeat(32);
  const event = (seq: number, type: AuditEvent['type'], path: string): AuditEvent => ({
    v: 1,
    seq,
    id: `e-${seq}`,
    time: '2030-01-01T00:00:00.000Z',
    type,
    actor: 'system',
    path,
    sha256: digest,
    prev: '',
    hash: '',
  });

  it('tells deletions that a checkpoint covers from those that anybody may have entered', async () => {
    const faults = new FaultList();
    const check = new RecordingCheck(async (path) => (path === 'kept.cast' ? digest : undefined), faults);
    await check.take(event(1, 'recording.closed', 'kept.cast'));
    await check.take(event(2, 'recording.closed', 'a.cast'));
    await check.take(event(3, 'recording.closed', 'b.cast'));
    await check.take(event(4, 'recording.deleted', 'a.cast'));
    await check.take(event(6, 'recording.deleted', 'b.cast'));
    check.finish();
    expect(faults.count).toBe(0);
    expect(check.summary(6)?.text).toBe('1 recording unchanged, 2 deleted as the log says.');
    expect(check.summary(5)?.text).toBe(
      '1 recording unchanged, 2 deleted as the log says, 1 of these by events that are not signed yet.',
    );
  });

  it('takes a deletion of other content for none', async () => {
    const faults = new FaultList();
    const check = new RecordingCheck(async () => undefined, faults);
    await check.take(event(1, 'recording.closed', 'a.cast'));
    await check.take({ ...event(2, 'recording.deleted', 'a.cast'), sha256: 'cd'.repeat(32) });
    check.finish();
    expect(faults.first).toMatchObject({ seq: 1, text: 'the recording a.cast (event 1) is missing' });
    expect(check.summary(2)).toBeUndefined();
  });
});
