import { DrawbridgeError } from '../shared/errors.ts';

/** Live viewers of one recording. */
export const LIVE_VIEWERS_LIMIT = 64;

/** How far a recording has come: whole lines up to `sizeBytes` of its content can be read. */
export interface LiveLine {
  readonly sizeBytes: number;
  /** True for the last one: the recording is closed or has failed. */
  readonly ended: boolean;
}

/** Those who watch one recording while it grows. They are called on the session's own path: they must only take note. */
export class LiveViewers {
  readonly #viewers = new Set<(line: LiveLine) => void>();

  get count(): number {
    return this.#viewers.size;
  }

  /** Returns how to stop. @throws `recording.too_many_viewers` */
  add(viewer: (line: LiveLine) => void): () => void {
    if (this.#viewers.size >= LIVE_VIEWERS_LIMIT) {
      throw new DrawbridgeError('recording.too_many_viewers', 'Too many people watch this session already.', {
        hint: `At most ${LIVE_VIEWERS_LIMIT} can; close a window that shows it, or replay it when it has ended.`,
      });
    }
    this.#viewers.add(viewer);
    return () => this.#viewers.delete(viewer);
  }

  tellGrown(sizeBytes: number): void {
    for (const viewer of this.#viewers) viewer({ sizeBytes, ended: false });
  }

  tellEnded(sizeBytes: number): void {
    for (const viewer of this.#viewers) viewer({ sizeBytes, ended: true });
    this.#viewers.clear();
  }
}
