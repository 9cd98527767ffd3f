import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Logger } from '../../shared/log.ts';
import { writeOffRecord } from './access-file.ts';
import type { OffRecord } from './gate-state.ts';

/** Access was turned off while no bastion ran: that goes into the log now. A fault is logged only: it is off. */
export async function enterLate(
  record: OffRecord,
  to: { readonly audit: AuditSink; readonly dataDir: string; readonly log: Logger },
): Promise<void> {
  const { audit, dataDir, log } = to;
  const { unaudited, ...known } = record;
  const at = new Date(record.sinceMs).toISOString();
  try {
    await audit.append({
      type: 'access.turned_off',
      actor: actorOf(record),
      reason: record.reason,
      at,
      late: true,
    });
    writeOffRecord(dataDir, known);
  } catch (error) {
    log.error({ err: error }, 'that remote access was turned off while nothing ran could not be audited');
  }
}

/** Who turned access off with the permissions of the data directory, as far as they said. */
export function actorOf(record: OffRecord | undefined): Actor {
  const name = /^local:([\x21-\x7e]{1,64})$/.exec(record?.by ?? '')?.[1];
  return name === undefined ? 'system' : `local:${name}`;
}
