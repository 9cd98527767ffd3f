import type { AuditEvent } from '../../shared/audit/event.ts';
import type { AuditLog } from '../../shared/audit/log.ts';
import { keysOf } from '../../shared/audit/log-end.ts';
import { type VerifyReport, verifyAudit } from '../../shared/audit/verify.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';

/** How far a verification is. */
export interface VerifyProgress {
  readonly events: number;
  readonly of: number;
}

/** What a {@link LogVerification} needs. */
export interface LogVerificationParts {
  readonly identity: NodeIdentity;
  readonly audit: Pick<AuditLog, 'all' | 'head' | 'signedEnd'>;
  /** Checkpoints that the witness has counter-signed. */
  witnessed(): Promise<readonly string[]>;
  readonly clock: Clock;
}

/** After so many events everything else in the process has its turn: sessions must not feel it. */
const EVENTS_AT_ONCE = 100;
const PROGRESS_PERIOD_MS = 200;

/** Verifies the whole log as `audit verify` does, recordings left out, while the bastion goes on. One at a time. */
export class LogVerification {
  readonly #parts: LogVerificationParts;
  #running = false;

  constructor(parts: LogVerificationParts) {
    this.#parts = parts;
  }

  /** @throws `audit.verifying` while another one runs; the signal's reason when it aborts. */
  async run(onProgress: (progress: VerifyProgress) => void, signal: AbortSignal): Promise<VerifyReport> {
    if (this.#running) {
      throw new DrawbridgeError('audit.verifying', 'The audit log is being verified at this moment.', {
        hint: 'Wait until that has ended, and try again.',
      });
    }
    this.#running = true;
    try {
      const { identity, audit } = this.#parts;
      const { id, publicJwk, successions } = identity;
      const checkpoints = await this.#parts.witnessed();
      const end = { id, keys: await keysOf(identity), ...(await audit.signedEnd()) };
      const report = await verifyAudit({
        events: this.#paced(onProgress, signal),
        end,
        checkpoints,
        publicJwk,
        successions,
      });
      // What stopped half-way says nothing about the rest.
      signal.throwIfAborted();
      return report;
    } finally {
      this.#running = false;
    }
  }

  async *#paced(
    onProgress: (progress: VerifyProgress) => void,
    signal: AbortSignal,
  ): AsyncGenerator<AuditEvent> {
    const { audit, clock } = this.#parts;
    const { seq: of } = await audit.head();
    let events = 0;
    let toldMs = clock.monotonicMs();
    for await (const event of audit.all()) {
      yield event;
      events += 1;
      if (events % EVENTS_AT_ONCE !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      if (clock.monotonicMs() - toldMs < PROGRESS_PERIOD_MS) continue;
      toldMs = clock.monotonicMs();
      onProgress({ events, of });
    }
  }
}
