import { z } from 'zod';
import { openCheckpoint } from '../../shared/audit/checkpoint-note.ts';
import { isConsistent } from '../../shared/audit/consistency.ts';
import { cosignedAtMs } from '../../shared/audit/cosignature.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { AuditLog, StoredCheckpoint } from '../../shared/audit/log.ts';
import type { WitnessedCheckpoint, WitnessedCheckpoints } from '../../shared/audit/witnessed-checkpoints.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { PublicJwk } from '../../shared/identity/keys.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import type { Tunnel } from '../../shared/tunnel/tunnel.ts';

/** How a bastion stands with its witness. */
export interface WitnessSummary {
  /**
   * `none`: it has joined no proxy. `pending`: nothing was counter-signed yet. `current`: the last checkpoint is.
   * `behind`: a later checkpoint waits. `refused`: the witness says that the history does not fit what it saw.
   */
  readonly state: 'none' | 'pending' | 'current' | 'behind' | 'refused';
  /** Events that the last counter-signed checkpoint covers. */
  readonly events?: number;
  /** ISO time of the last counter-signature. */
  readonly witnessedAt?: string;
  /** What stands in the way: a sentence. */
  readonly problem?: string;
}

/** What a {@link WitnessClient} needs. */
export interface WitnessClientParts {
  readonly identity: NodeIdentity;
  /** The proxy as it is pinned. */
  readonly witness: { readonly id: string; readonly name: string; readonly publicJwk: PublicJwk };
  readonly checkpoints: WitnessedCheckpoints;
  readonly log: Pick<AuditLog, 'lastCheckpoint' | 'consistencyProof' | 'subscribe'>;
  readonly audit: AuditSink;
  /** A tunnel to the witness, when one is up. */
  tunnel(): Tunnel | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 5 * 60 * 1000;
/** The witness may say once that it is at another size, and once more when a checkpoint came in between. */
const TRIES_AT_ONCE = 3;

const answerSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('cosigned'), note: z.string().max(16 * 1024) }),
  z.object({ outcome: z.literal('stale'), size: z.int().min(0) }),
]);

/** Codes by which a witness says that the history does not fit, and not that something else is wrong. */
const ACCUSATIONS: ReadonlySet<string> = new Set([
  'witness.rolled_back',
  'witness.rewritten',
  'witness.bad_checkpoint',
]);

/** Hands each checkpoint to the witness and keeps what it counter-signs. Nothing waits for it. */
export class WitnessClient {
  readonly #parts: WitnessClientParts;
  readonly #stopping = new AbortController();
  #latest: WitnessedCheckpoint | undefined;
  #problem: { readonly code: string; readonly message: string } | undefined;
  #isBehind = false;
  /** The log was compared with what the witness has counter-signed before this start. */
  #isCompared = false;
  #running: Promise<void> | undefined;
  #askedAgain = false;
  #retryMs = FIRST_RETRY_MS;
  #retry: Timer | undefined;
  #unsubscribe: () => void = () => undefined;

  private constructor(parts: WitnessClientParts) {
    this.#parts = parts;
  }

  /** @throws `store.*` */
  static async start(parts: WitnessClientParts): Promise<WitnessClient> {
    const client = new WitnessClient(parts);
    const { latest, refusal } = await parts.checkpoints.standing(parts.identity.id);
    client.#latest = latest;
    client.#problem = refusal;
    client.#unsubscribe = parts.log.subscribe((event) => {
      if (event.type === 'checkpoint.signed') client.wake();
    });
    return client;
  }

  /** The last checkpoint that was counter-signed. */
  get latest(): WitnessedCheckpoint | undefined {
    return this.#latest;
  }

  get summary(): WitnessSummary {
    const problem = this.#problem;
    const accused = problem !== undefined && ACCUSATIONS.has(problem.code);
    const held = this.#isBehind ? 'behind' : 'current';
    return {
      state: accused ? 'refused' : this.#latest === undefined ? 'pending' : held,
      ...(this.#latest === undefined
        ? {}
        : { events: this.#latest.size, witnessedAt: new Date(this.#latest.atMs).toISOString() }),
      ...(problem === undefined ? {} : { problem: problem.message }),
    };
  }

  /** There is a new checkpoint, or a new tunnel. */
  wake(): void {
    if (this.#stopping.signal.aborted) return;
    this.#retry?.cancel();
    if (this.#running !== undefined) {
      this.#askedAgain = true;
      return;
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#retry?.cancel();
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    do {
      this.#askedAgain = false;
      try {
        await this.#handOver();
        this.#retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        await this.#failed(error);
      }
    } while (this.#askedAgain && !this.#stopping.signal.aborted);
  }

  async #handOver(): Promise<void> {
    const { log, tunnel } = this.#parts;
    let from = this.#latest?.size ?? 0;
    for (let tries = 0; tries < TRIES_AT_ONCE; tries += 1) {
      const checkpoint = await log.lastCheckpoint();
      if (checkpoint !== undefined) await this.#compareOnce(checkpoint);
      this.#isBehind = checkpoint !== undefined && checkpoint.size !== this.#latest?.size;
      if (checkpoint === undefined || (!this.#isBehind && this.#problem === undefined)) return;
      const through = tunnel();
      // A tunnel that comes up wakes this again.
      if (through === undefined) return;
      const answer = await this.#ask(through, checkpoint, Math.min(from, checkpoint.size));
      if (answer.outcome === 'cosigned') return this.#keep(checkpoint, answer.note);
      from = answer.size;
    }
    throw new DrawbridgeError('witness.confused', 'The witness does not settle on a size of the log.');
  }

  /**
   * Once after a start, before the witness is asked and without it: the log must contain what it has counter-signed
   * before. So a log that was put back, or another one, shows while access is off, too.
   */
  async #compareOnce({ size, root }: StoredCheckpoint): Promise<void> {
    if (this.#isCompared) return;
    const latest = this.#latest;
    if (latest !== undefined && this.#problem === undefined) {
      const fault = await this.#faultIn(latest, { size, root: Buffer.from(root, 'base64') });
      if (fault !== undefined) await this.#accused(fault, 'system');
      this.#problem = fault;
    }
    this.#isCompared = true;
  }

  async #faultIn(
    latest: WitnessedCheckpoint,
    now: { readonly size: number; readonly root: Buffer },
  ): Promise<{ code: string; message: string } | undefined> {
    if (now.size < latest.size) {
      const message = `The log has ${now.size} events now, and had ${latest.size} when the witness last counter-signed it: it was rolled back.`;
      return { code: 'witness.rolled_back', message };
    }
    const before = { size: latest.size, root: Buffer.from(latest.root, 'base64') };
    if (isConsistent(before, now, await this.#parts.log.consistencyProof(latest.size, now.size)))
      return undefined;
    const message = `The log's first ${latest.size} events are not those that the witness has counter-signed: it was rewritten.`;
    return { code: 'witness.rewritten', message };
  }

  async #ask(tunnel: Tunnel, checkpoint: StoredCheckpoint, from: number) {
    const proof = await this.#parts.log.consistencyProof(from, checkpoint.size);
    const request = {
      v: 1,
      kind: 'witness',
      note: checkpoint.note,
      from,
      proof: proof.map((hash) => hash.toString('base64')),
    } as const;
    const { stream, reply } = tunnel.open(request, { signal: this.#stopping.signal });
    stream.on('error', () => undefined);
    stream.resume();
    try {
      const parsed = answerSchema.safeParse(await reply);
      if (parsed.success) return parsed.data;
      throw new DrawbridgeError('witness.malformed', "The witness's answer can not be read.");
    } finally {
      stream.destroy();
    }
  }

  /** The witness is not trusted: it is its signature that counts, over our own text. */
  async #keep({ note: own, size, root }: StoredCheckpoint, note: string): Promise<void> {
    const { checkpoints, identity, witness, audit } = this.#parts;
    const atMs = note.startsWith(own) ? cosignedAtMs(note, witness) : undefined;
    if (atMs === undefined || openCheckpoint(note, identity.publicJwk, identity.id).size !== size) {
      throw new DrawbridgeError(
        'witness.bad_cosignature',
        "The witness's counter-signature does not fit its key.",
      );
    }
    if (this.#problem !== undefined && ACCUSATIONS.has(this.#problem.code)) {
      await audit.append({ type: 'witness.resumed', actor: `proxy:${witness.name}`, size });
    }
    // The vendor has taken this log as a new beginning, since it was restored from a backup.
    if (size < (this.#latest?.size ?? 0)) await checkpoints.beginAnew(identity.id);
    const { epoch } = await checkpoints.standing(identity.id);
    const witnessed = { epoch, size, root, note, atMs };
    await checkpoints.keep(identity.id, witnessed);
    this.#latest = witnessed;
    this.#problem = undefined;
    this.#isBehind = false;
  }

  async #failed(error: unknown): Promise<void> {
    const { logger } = this.#parts;
    const known = isDrawbridgeError(error);
    const problem = {
      code: known ? error.code : 'internal',
      message: known ? error.message : 'The checkpoint could not be handed to the witness.',
    };
    logger.warn({ err: error }, 'a checkpoint was not counter-signed');
    if (ACCUSATIONS.has(problem.code)) await this.#accused(problem);
    this.#problem = problem;
    this.#isBehind = true;
    this.#retry?.cancel();
    this.#retry = this.#parts.clock.after(this.#retryMs, () => this.wake());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  async #accused(
    problem: { readonly code: string; readonly message: string },
    by: Actor = `proxy:${this.#parts.witness.name}`,
  ): Promise<void> {
    if (this.#problem?.code === problem.code) return;
    const { audit, checkpoints, identity, clock, logger } = this.#parts;
    try {
      await audit.append({
        type: 'witness.refused',
        actor: by,
        reason: problem.code,
        message: problem.message,
      });
      await checkpoints.refuse(identity.id, { ...problem, size: 0, sinceMs: clock.nowMs() });
    } catch (error) {
      // The state of the witness is shown all the same; there is no act that waits for this event.
      logger.error({ err: error }, "the witness's refusal could not be stored");
    }
  }
}
