import type { AuditEvent } from '../shared/audit/event.ts';
import { listRecordings, type StoredRecording, withAuditLog } from './evidence.ts';
import type { RolePlace } from './role-config.ts';
import { digestOf } from './verify-evidence.ts';

/** How a recording compares with the audit log. */
export interface ComparedRecording {
  /** `SESSION/CHANNEL`. */
  readonly id: string;
  readonly path: string;
  /** `deleted`: by retention or an administrator, as the log says. `unclosed`: it still grows, or was interrupted and the bastion has not started since; the log has no digest yet. */
  readonly result: 'unchanged' | 'differs' | 'missing' | 'deleted' | 'unclosed';
}

interface ClosedRecording {
  readonly path: string;
  readonly sha256: string;
  readonly id: string;
  readonly deleted: boolean;
}

/** Compares one recording, or all, with the digests in the audit log; in the order of the log, unclosed ones last. */
export async function compareRecordings(
  place: RolePlace,
  wanted: StoredRecording | undefined,
): Promise<readonly ComparedRecording[]> {
  const isWanted = (id: string): boolean => wanted === undefined || id === wanted.id;
  const closed = (await closedRecordings(place)).filter(({ id }) => isWanted(id));
  const compared: ComparedRecording[] = [];
  for (const { id, path, sha256, deleted } of closed) {
    const found = await digestOf(place, path);
    const result =
      found === undefined ? (deleted ? 'deleted' : 'missing') : found === sha256 ? 'unchanged' : 'differs';
    compared.push({ id, path, result });
  }
  const known = new Set(closed.map(({ id }) => id));
  for (const { id, path } of await listRecordings(place)) {
    if (isWanted(id) && !known.has(id)) compared.push({ id, path, result: 'unclosed' });
  }
  return compared;
}

function closedRecordings(place: RolePlace): Promise<readonly ClosedRecording[]> {
  return withAuditLog(place, async (log) => {
    // A later event about the same recording replaces the earlier one: it may be closed anew after a recovery.
    const byId = new Map<string, ClosedRecording>();
    for await (const event of log.all()) {
      const closed = closedRecording(event);
      if (closed !== undefined) byId.set(closed.id, closed);
      else if (event.type === 'recording.deleted') markDeleted(byId, event);
    }
    return [...byId.values()];
  });
}

/** A deletion counts for the very content that it names. */
function markDeleted(byId: Map<string, ClosedRecording>, event: AuditEvent): void {
  const id = idOf(event);
  const known = byId.get(id);
  if (known !== undefined && known.sha256 === event['sha256']) byId.set(id, { ...known, deleted: true });
}

function idOf({ session, channel }: AuditEvent): string {
  return `${session ?? ''}/${typeof channel === 'number' ? channel : 1}`;
}

function closedRecording(event: AuditEvent): ClosedRecording | undefined {
  const { type, path, sha256 } = event;
  if (type !== 'recording.closed' || typeof path !== 'string' || typeof sha256 !== 'string') return undefined;
  return { path, sha256, id: idOf(event), deleted: false };
}
