import type { AuditEntry } from '../../../web/api.ts';
import { withBase } from './base-path.ts';
import { SteadyStream } from './steady-stream.ts';

/** `lost` means that what the page shows may be old. */
export type UpdatesState = 'connecting' | 'live' | 'lost';

/** Follows the bastion's events, and tells its listeners to read anew whenever the stream has opened. */
export class Updates {
  readonly #onEvent = new Set<(event: AuditEntry) => void>();
  readonly #onOpened = new Set<() => void>();
  readonly #onState = new Set<(state: UpdatesState) => void>();
  readonly #stream: SteadyStream;
  #state: UpdatesState = 'connecting';

  /** `checkSignIn` is called when the stream breaks, since a stream can't say why. */
  constructor(checkSignIn: () => void) {
    this.#stream = new SteadyStream({
      open: () => new EventSource(withBase('/api/events')),
      on: {
        audit: (data) => {
          const event = JSON.parse(data) as AuditEntry;
          for (const listener of this.#onEvent) listener(event);
        },
      },
      onOpen: () => this.#opened(),
      onBreak: () => {
        this.#enter('lost');
        checkSignIn();
      },
    });
  }

  get state(): UpdatesState {
    return this.#state;
  }

  start(): void {
    this.#stream.start();
  }

  stop(): void {
    this.#stream.stop();
  }

  onEvent(listener: (event: AuditEntry) => void): () => void {
    this.#onEvent.add(listener);
    return () => this.#onEvent.delete(listener);
  }

  /** Called when the stream has opened: what happened before, while there was none, may have been missed. */
  onOpened(listener: () => void): () => void {
    this.#onOpened.add(listener);
    return () => this.#onOpened.delete(listener);
  }

  onState(listener: (state: UpdatesState) => void): () => void {
    this.#onState.add(listener);
    return () => this.#onState.delete(listener);
  }

  #opened(): void {
    this.#enter('live');
    for (const listener of this.#onOpened) listener();
  }

  #enter(state: UpdatesState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#onState) listener(state);
  }
}
