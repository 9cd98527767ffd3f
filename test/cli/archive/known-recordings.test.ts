import { describe, expect, it } from 'vitest';
import { KnownRecordings } from '../../../cli/archive/known-recordings.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';

describe('KnownRecordings', () => {
  const closed = (path: string, seq: number): AuditEvent => ({
    v: 1,
    seq,
    id: `e-${seq}`,
    time: '2030-01-01T00:00:00.000Z',
    type: 'recording.closed',
    actor: 'system',
    path,
    sha256: 'ab'.repeat(32),
    sizeBytes: 1,
    prev: '',
    hash: '',
  });

  it('counts what is said of recordings beyond its limit, and goes on with those it has', () => {
    const known = new KnownRecordings(2);
    for (const [index, path] of ['a.cast', 'b.cast', 'c.cast', 'd.cast', 'a.cast'].entries()) {
      known.take(closed(path, index + 1));
    }
    expect([...known.all].map(({ path }) => path)).toEqual(['a.cast', 'b.cast']);
    expect(known.leftOut).toBe(2);
  });
});
