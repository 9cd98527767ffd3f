import { expect, test } from 'vitest';
import { SESSION_EVENTS_LIMIT, withArrived } from '../../bastion/page/src/data/held-events.ts';
import type { AuditEntry } from '../../bastion/web/api.ts';

test("a live session's events are held up to a limit, and are said to be incomplete then", () => {
  const event = (seq: number) => ({ seq, session: 's-1', type: 'file.read' }) as unknown as AuditEntry;
  const known = withArrived({ id: 's-1', events: [event(1)], isComplete: true }, [event(1), event(2)]);
  expect(known).toMatchObject({ events: [{ seq: 1 }, { seq: 2 }], isComplete: true });
  const many = Array.from({ length: SESSION_EVENTS_LIMIT + 10 }, (_, n) => event(n + 3));
  const full = withArrived(known, many);
  expect(full.events?.length).toBe(SESSION_EVENTS_LIMIT);
  expect(full.isComplete).toBe(false);
  expect(withArrived(full, [event(999_999)])).toBe(full);
});
