import type { AuditEvent, AuditSource } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';

/** For so long it is shown that the log was found otherwise than it was left; `audit verify` says it for good. */
const SHOWN_MS = 30 * 24 * 60 * 60 * 1000;

/** A sentence while the log was lately found to end otherwise than its writer had left it. @throws `store.*` */
export async function logProblem(
  audit: Pick<AuditSource, 'query'>,
  clock: Pick<Clock, 'nowMs'>,
): Promise<string | undefined> {
  const [found] = await audit.query({ type: 'audit.end_differed', newestFirst: true, limit: 1 });
  if (found === undefined || clock.nowMs() - Date.parse(found.time) > SHOWN_MS) return undefined;
  return `Somebody else than the bastion has changed the audit log: ${whatOf(found)} (event ${found.seq}).`;
}

function whatOf({ message }: AuditEvent): string {
  return typeof message === 'string' ? message : 'it did not end as it was left';
}
