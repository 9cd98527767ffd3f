import { SYNC_PERIOD_MS } from '../../recordings/sync-schedule.ts';
import type { AuditSink, AuditSource } from '../../shared/audit/event.ts';
import { thisMachine } from '../gate/machine.ts';

export interface EnterStartOptions {
  readonly audit: AuditSink;
  readonly events: Pick<AuditSource, 'query'>;
  readonly version: string;
  /** Id of the bastion. */
  readonly id: string;
  readonly encryptTo?: readonly string[] | undefined;
  readonly machine?: typeof thisMachine;
}

/** What the log says of the process before this one. */
export interface StartBefore {
  /** ISO time of its last event. */
  readonly lastEventAt?: string;
  /** The machine itself has stopped since: so much of what was recorded last may not have reached the disk. */
  readonly gapMs?: number;
}

/** Enters `bastion.started`, and finds what the log says of the time before. @throws `audit.unavailable`, `store.*` */
export async function enterStart(options: EnterStartOptions): Promise<StartBefore> {
  const { audit, events, version, id, encryptTo, machine = thisMachine } = options;
  const [newest] = await events.query({ limit: 1, newestFirst: true });
  const [before] = await events.query({ type: 'bastion.started', limit: 1, newestFirst: true });
  const { bootId } = machine();
  await audit.append({
    ...{ type: 'bastion.started', actor: 'system', version, bastion: id },
    ...(bootId === undefined ? {} : { bootId }),
    ...(encryptTo === undefined ? {} : { encryptTo }),
  });
  const isSameBoot = bootId !== undefined && before?.['bootId'] === bootId;
  return {
    ...(newest === undefined ? {} : { lastEventAt: newest.time }),
    // A boot that can't be told from another counts as another.
    ...(isSameBoot ? {} : { gapMs: SYNC_PERIOD_MS }),
  };
}
