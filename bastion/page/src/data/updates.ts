import type { AuditEntry } from '../../../web/api.ts';
import { withBase } from './base-path.ts';

/** `lost` means that what the page shows may be old. */
export type UpdatesState = 'connecting' | 'live' | 'lost';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

/**
 * Follows the bastion's events. Browsers give up on an event stream after some errors, so this opens a new one by
 * itself, and tells its listeners to read anew once it is connected again.
 */
export class Updates {
  readonly #checkSignIn: () => void;
  readonly #onEvent = new Set<(event: AuditEntry) => void>();
  readonly #onReconnect = new Set<() => void>();
  readonly #onState = new Set<(state: UpdatesState) => void>();
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;
  #state: UpdatesState = 'connecting';
  #wasLive = false;

  /** `checkSignIn` is called when the stream breaks, since a stream can't say why. */
  constructor(checkSignIn: () => void) {
    this.#checkSignIn = checkSignIn;
  }

  get state(): UpdatesState {
    return this.#state;
  }

  start(): void {
    this.#source?.close();
    const source = new EventSource(withBase('/api/events'));
    this.#source = source;
    source.addEventListener('open', () => this.#opened());
    source.addEventListener('audit', (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as AuditEntry;
      for (const listener of this.#onEvent) listener(event);
    });
    source.addEventListener('error', () => this.#broke());
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
  }

  onEvent(listener: (event: AuditEntry) => void): () => void {
    this.#onEvent.add(listener);
    return () => this.#onEvent.delete(listener);
  }

  /** Called when the stream is back after a loss: then something may have been missed. */
  onReconnect(listener: () => void): () => void {
    this.#onReconnect.add(listener);
    return () => this.#onReconnect.delete(listener);
  }

  onState(listener: (state: UpdatesState) => void): () => void {
    this.#onState.add(listener);
    return () => this.#onState.delete(listener);
  }

  #opened(): void {
    this.#retryMs = FIRST_RETRY_MS;
    const missed = this.#wasLive;
    this.#wasLive = true;
    this.#enter('live');
    if (missed) for (const listener of this.#onReconnect) listener();
  }

  #broke(): void {
    this.#source?.close();
    this.#enter('lost');
    this.#checkSignIn();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.start(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #enter(state: UpdatesState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#onState) listener(state);
  }
}
