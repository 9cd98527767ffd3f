import { z } from 'zod';
import { AttemptLimit, type AttemptRate } from '../../shared/accounts/attempt-limit.ts';
import { type Checkpoint, openCheckpoint } from '../../shared/audit/checkpoint-note.ts';
import { isConsistent, PROOF_LIMIT_HASHES } from '../../shared/audit/consistency.ts';
import { cosign } from '../../shared/audit/cosignature.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type {
  WitnessedCheckpoint,
  WitnessedCheckpoints,
  WitnessRefusal,
} from '../../shared/audit/witnessed-checkpoints.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { PublicJwk } from '../../shared/identity/keys.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import { Turns } from '../../shared/store/turns.ts';
import type { IncomingStream } from '../../shared/tunnel/tunnel.ts';

/** Kind of the stream on which a bastion hands over a checkpoint. */
export const WITNESS_KIND = 'witness';

/** Checkpoints that one bastion may hand over: each costs two signatures and a write. */
const RATE: AttemptRate = { burst: 60, refillMs: 1_000 };

/** A refusal for the same reason is entered in the audit log again after so long. */
const REFUSAL_REPEATED_MS = 60 * 60 * 1000;

/** A bastion as its tunnel has proved it. */
export interface WitnessedPeer {
  readonly id: string;
  readonly name: string;
  readonly publicJwk: PublicJwk;
}

/** How a bastion's log stands with this witness. */
export interface WitnessStanding {
  readonly state: 'none' | 'consistent' | 'refused';
  /** Events that the latest counter-signed checkpoint covers. */
  readonly events?: number;
  /** ISO time of the latest counter-signature. */
  readonly witnessedAt?: string;
  readonly refusal?: { readonly code: string; readonly message: string; readonly since: string };
}

const requestSchema = z.object({
  note: z.string().max(16 * 1024),
  from: z.int().min(0),
  proof: z.array(z.string().length(44)).max(PROOF_LIMIT_HASHES),
});
type WitnessRequest = z.infer<typeof requestSchema>;

/** What becomes of a checkpoint. */
type Verdict =
  | { readonly kind: 'cosigned'; readonly note: string }
  /** The proof starts from another size than this witness has. */
  | { readonly kind: 'stale'; readonly size: number }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/**
 * Counter-signs the checkpoints of bastions. Each must contain the one before it: so a bastion whose history was
 * rewritten or rolled back is found out, and with its signature it has proved that itself. The proxy can't make up a
 * checkpoint, since each carries the bastion's own signature.
 */
export class Witness {
  readonly #identity: NodeIdentity;
  readonly #checkpoints: WitnessedCheckpoints;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limit: AttemptLimit;
  readonly #turns = new Turns();

  constructor(parts: {
    readonly identity: NodeIdentity;
    readonly checkpoints: WitnessedCheckpoints;
    readonly audit: AuditSink;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#identity = parts.identity;
    this.#checkpoints = parts.checkpoints;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#limit = new AttemptLimit(RATE, parts.clock);
  }

  /** Answers a bastion's stream of the kind {@link WITNESS_KIND}. */
  async handle(incoming: IncomingStream, peer: WitnessedPeer): Promise<void> {
    const request = requestSchema.safeParse(incoming.request);
    if (!request.success) {
      incoming.refuse('witness.malformed', 'This is no request to a witness.');
      return;
    }
    if (!this.#limit.take(peer.id)) {
      incoming.refuse('witness.limited', 'There were too many checkpoints.', 'Try again in a minute.');
      return;
    }
    try {
      // One after the other: two checkpoints must not both be compared with the same one before them.
      const verdict = await this.#turns.take(() => this.#consider(request.data, peer));
      answer(incoming, verdict);
    } catch (error) {
      this.#log.error({ err: error, bastion: peer.name }, 'a checkpoint could not be counter-signed');
      incoming.refuse('witness.unavailable', 'The witness can not keep checkpoints just now.');
    }
  }

  async standing(bastionId: string): Promise<WitnessStanding> {
    const { latest, refusal } = await this.#checkpoints.standing(bastionId);
    return {
      state: refusal !== undefined ? 'refused' : latest === undefined ? 'none' : 'consistent',
      ...(latest === undefined ? {} : { events: latest.size, witnessedAt: isoOf(latest.atMs) }),
      ...(refusal === undefined
        ? {}
        : { refusal: { code: refusal.code, message: refusal.message, since: isoOf(refusal.sinceMs) } }),
    };
  }

  /** All that are kept of a bastion's log, of every epoch, latest last; a bounded number. @throws `store.*` */
  async checkpoints(bastionId: string): Promise<WitnessedCheckpoint[]> {
    const found: WitnessedCheckpoint[] = [];
    for await (const checkpoint of this.#checkpoints.all(bastionId)) found.push(checkpoint);
    return found;
  }

  /**
   * Takes whatever checkpoint the bastion hands over next as a new beginning. For a bastion that was restored from a
   * backup, on the customer's word; what was witnessed before is kept.
   * @throws `audit.unavailable`, `store.*`
   */
  async reset(
    actor: Actor,
    bastion: { readonly id: string; readonly name: string },
    reason: string,
  ): Promise<void> {
    await this.#turns.take(async () => {
      const { epoch, latest } = await this.#checkpoints.standing(bastion.id);
      await this.#audit.append({
        type: 'witness.reset',
        actor,
        bastion: bastion.name,
        bastionId: bastion.id,
        reason,
        epoch: epoch + 1,
        ...(latest === undefined ? {} : { lastSize: latest.size, lastRoot: latest.root }),
      });
      await this.#checkpoints.beginAnew(bastion.id);
    });
  }

  async #consider(request: WitnessRequest, peer: WitnessedPeer): Promise<Verdict> {
    const { epoch, latest, refusal } = await this.#checkpoints.standing(peer.id);
    const checkpoint = openOf(request.note, peer);
    if (checkpoint === undefined) {
      const message = 'The checkpoint is not signed by this bastion.';
      return this.#refuse({ code: 'witness.bad_checkpoint', message, size: 0 }, refusal, peer);
    }
    const verdict = compare(checkpoint, latest, request);
    if (verdict?.kind === 'refused') {
      return this.#refuse({ ...verdict, size: checkpoint.size }, refusal, peer, request.note);
    }
    if (verdict !== undefined) return verdict;
    return this.#cosign(request.note, checkpoint, { epoch, latest, refusal }, peer);
  }

  async #cosign(
    given: string,
    { size, root }: Checkpoint,
    before: { epoch: number; latest: WitnessedCheckpoint | undefined; refusal: WitnessRefusal | undefined },
    peer: WitnessedPeer,
  ): Promise<Verdict> {
    const about = { ...aboutOf(peer), size, root };
    if (before.latest === undefined) {
      await this.#audit.append({ type: 'witness.started', ...about, epoch: before.epoch });
    } else if (before.refusal !== undefined) await this.#audit.append({ type: 'witness.resumed', ...about });
    const atMs = this.#clock.nowMs();
    const note = cosign(given, this.#identity, atMs);
    // Kept before it is given out: after a crash in between, this witness still knows what it has signed.
    await this.#checkpoints.keep(peer.id, { epoch: before.epoch, size, root, note, atMs });
    return { kind: 'cosigned', note };
  }

  async #refuse(
    refused: { readonly code: string; readonly message: string; readonly size: number },
    before: WitnessRefusal | undefined,
    peer: WitnessedPeer,
    note?: string,
  ): Promise<Verdict> {
    const { code, message, size } = refused;
    const nowMs = this.#clock.nowMs();
    const isKnown = before?.code === code && Math.abs(nowMs - before.sinceMs) < REFUSAL_REPEATED_MS;
    if (!isKnown) {
      await this.#audit.append({
        type: 'witness.refused',
        ...aboutOf(peer),
        reason: code,
        message,
        size,
        // Signed by the bastion: with the last counter-signed one it proves that there are two histories.
        ...(note === undefined ? {} : { note }),
      });
      this.#log.warn(
        { bastion: peer.name, code, size },
        'the history of a bastion does not fit what was seen before',
      );
      await this.#checkpoints.refuse(peer.id, { code, message, size, sinceMs: nowMs });
    }
    return { kind: 'refused', code, message };
  }
}

/** What stands against counter-signing; undefined when nothing does. */
function compare(
  checkpoint: Checkpoint,
  latest: WitnessedCheckpoint | undefined,
  request: WitnessRequest,
): Exclude<Verdict, { kind: 'cosigned' }> | undefined {
  if (latest === undefined) return undefined;
  if (checkpoint.size < latest.size) {
    const message = `The log has ${checkpoint.size} events now, and had ${latest.size} before: it was rolled back.`;
    return { kind: 'refused', code: 'witness.rolled_back', message };
  }
  if (request.from !== latest.size) return { kind: 'stale', size: latest.size };
  const before = { size: latest.size, root: Buffer.from(latest.root, 'base64') };
  const after = { size: checkpoint.size, root: Buffer.from(checkpoint.root, 'base64') };
  const proof = request.proof.map((hash) => Buffer.from(hash, 'base64'));
  if (isConsistent(before, after, proof)) return undefined;
  const message = `The log's first ${latest.size} events are not those that were there before: it was rewritten.`;
  return { kind: 'refused', code: 'witness.rewritten', message };
}

function openOf(note: string, peer: WitnessedPeer): Checkpoint | undefined {
  try {
    return openCheckpoint(note, peer.publicJwk, peer.id);
  } catch (error) {
    if (isDrawbridgeError(error, 'audit.bad_checkpoint')) return undefined;
    throw error;
  }
}

function answer(incoming: IncomingStream, verdict: Verdict): void {
  if (incoming.signal.aborted) return;
  if (verdict.kind === 'refused') {
    incoming.refuse(verdict.code, verdict.message);
    return;
  }
  try {
    // The answer is the reply itself; the stream carries nothing.
    incoming
      .accept({
        outcome: verdict.kind,
        ...('note' in verdict ? { note: verdict.note } : { size: verdict.size }),
      })
      .end();
  } catch (error) {
    if (!(error instanceof DrawbridgeError)) throw error;
  }
}

function aboutOf(peer: WitnessedPeer) {
  return { actor: `bastion:${peer.name}`, bastion: peer.name, bastionId: peer.id } as const;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
