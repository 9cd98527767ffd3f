import type { AuditEntry, AuditList, AuditProof } from '../../../web/api.ts';
import { type ApiClient, withQuery } from './api-client.ts';
import { type KeyMemory, rememberKey } from './key-memory.ts';
import { eventsOf } from './use-session-events.ts';
import { EvidenceFault, NAME_PREFIX, type VerifiedRecording, verifyRecording } from './verify-recording.ts';

/**
 * How the check of a recording ended. `unnamed`: no event has its digest. `unsealed`: no checkpoint covers that event yet.
 */
export type Checked =
  | { readonly kind: 'unnamed' | 'unsealed' }
  | {
      readonly kind: 'whole';
      readonly found: VerifiedRecording;
      readonly bastionKey: KeyMemory;
      readonly witnessKey: KeyMemory;
    }
  | { readonly kind: 'fault'; readonly message: string };

/** A session has as many recordings as channels; nobody opens so many. */
const RECORDINGS_LIMIT = 100_000;
/** The witness counter-signs a moment after the checkpoint: for a session that has just ended that is waited for. */
const JUST_ENDED_MS = 60_000;
const WITNESS_TRIES = 4;
const WITNESS_PERIOD_MS = 1_000;

/** Fetches a recording and what the audit log has about it, and verifies them. The fetch is audited, as any. */
export async function checkRecording(
  api: Pick<ApiClient, 'get' | 'bytes' | 'clock'>,
  { sessionId, channel }: { readonly sessionId: string; readonly channel: number },
  signal: AbortSignal,
): Promise<Checked> {
  const closings = { session: sessionId, type: 'recording.closed' };
  const { events } = await eventsOf(api, closings, RECORDINGS_LIMIT, signal);
  const closed = events.find((event) => event['channel'] === channel);
  if (closed === undefined) return { kind: 'unnamed' };
  if (!(await isSealed(api, closed, signal))) return { kind: 'unsealed' };
  const proof = await proofOf(api, closed, signal);
  const file = `/api/sessions/${encodeURIComponent(sessionId)}/recording`;
  const bytes = await api.bytes(withQuery(file, { channel, for: 'verify' }), signal);
  try {
    const found = await verifyRecording(new Uint8Array(bytes), closed, proof);
    const witnessKey = found.witness === undefined ? 'same' : rememberKey('witness', found.witness.x);
    return { kind: 'whole', found, bastionKey: rememberKey('bastion', found.key.x), witnessKey };
  } catch (error) {
    if (!(error instanceof EvidenceFault)) throw error;
    return { kind: 'fault', message: error.message };
  }
}

async function proofOf(
  api: Pick<ApiClient, 'get' | 'clock'>,
  { seq, time }: AuditEntry,
  signal: AbortSignal,
): Promise<AuditProof> {
  const hasJustEnded = Math.abs(api.clock.now() - Date.parse(time)) < JUST_ENDED_MS;
  for (let tries = 1; ; tries++) {
    const proof = await api.get<AuditProof>(`/api/audit/${seq}/proof`, { signal });
    const { note, witness } = proof;
    const awaited = witness !== undefined && !note.includes(`\u2014 ${NAME_PREFIX}${witness.id} `);
    if (!awaited || !hasJustEnded || tries === WITNESS_TRIES) return proof;
    await new Promise((done) => setTimeout(done, WITNESS_PERIOD_MS));
    signal.throwIfAborted();
  }
}

/** Asked first, since a refused proof would stand in the browser's console as an error. */
async function isSealed(
  api: Pick<ApiClient, 'get'>,
  { seq }: AuditEntry,
  signal: AbortSignal,
): Promise<boolean> {
  const path = withQuery('/api/audit', { type: 'checkpoint.signed', limit: 1 });
  const size = (await api.get<AuditList>(path, { signal })).events[0]?.['size'];
  return typeof size === 'number' && size >= seq;
}
