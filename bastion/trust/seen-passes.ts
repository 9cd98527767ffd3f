import type { Clock } from '../../shared/clock.ts';
import type { PassMemory } from '../../shared/identity/pass.ts';
import { SeenOnce } from '../../shared/identity/seen-once.ts';
import type { Database } from '../../shared/store/database.ts';

/** Passes remembered at once: each lives a minute, and more than this in a minute is an attack. */
const PASSES_REMEMBERED = 100_000;

/** Kept beyond their end, so that a clock that is put back a little lets none of them in again. */
const KEEP_MS = 60 * 60 * 1000;

/** So often those that nobody can use any more are removed. */
const SWEEP_MS = 10 * 60 * 1000;

/** `bastion.db`: the passes that were used. */
export const SEEN_PASSES_MIGRATION = `
  CREATE TABLE seen_passes (
    id TEXT PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_passes_by_expiry ON seen_passes (expires_at_ms);
`;

/**
 * Remembers which passes were used, over restarts too: a pass is noted on disk before it counts. A pass that can't be
 * noted is not used.
 */
export class SeenPasses implements PassMemory {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #seen: SeenOnce;
  #sweepAtMs: number;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.#seen = new SeenOnce({ limit: PASSES_REMEMBERED, clock });
    this.#sweepAtMs = clock.monotonicMs();
  }

  async add(id: string, expiresAtMs: number): Promise<boolean> {
    if (!this.#seen.add(id, expiresAtMs)) return false;
    await this.#sweep();
    const { changes } = await this.#database.run(
      'INSERT INTO seen_passes (id, expires_at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING',
      [id, expiresAtMs],
    );
    return changes === 1;
  }

  async #sweep(): Promise<void> {
    if (this.#clock.monotonicMs() < this.#sweepAtMs) return;
    this.#sweepAtMs = this.#clock.monotonicMs() + SWEEP_MS;
    await this.#database.run('DELETE FROM seen_passes WHERE expires_at_ms < ?', [
      this.#clock.nowMs() - KEEP_MS,
    ]);
  }
}
