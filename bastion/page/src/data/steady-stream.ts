const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

/** The bastion says something every 5 s; a stream that is silent for so long is dead, whatever the browser holds of it. */
export const SILENCE_LIMIT_MS = 12_000;

/** What the bastion sends when there is nothing to tell. */
const ALIVE = 'alive';

/** What is needed of a browser's `EventSource`. */
export interface EventSourceLike {
  addEventListener(name: string, listener: (event: { readonly data: string }) => void): void;
  close(): void;
}

interface SteadyStreamOptions {
  /** Connects; called again after every break. */
  readonly open: () => EventSourceLike;
  /** What is done with the data of an event, by the event's name. */
  readonly on: Readonly<Record<string, (data: string) => void>>;
  readonly onOpen: () => void;
  /** Called at every break; the stream opens a new connection by itself. */
  readonly onBreak: () => void;
}

/**
 * Server-sent events that go on. A browser by itself gives up after a refusal, for instance of a reverse proxy while
 * the bastion starts, and never notices a connection that somebody unplugged.
 */
export class SteadyStream {
  readonly #options: SteadyStreamOptions;
  #source: EventSourceLike | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(options: SteadyStreamOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    const source = this.#options.open();
    this.#source = source;
    this.#heard();
    source.addEventListener('open', () => {
      this.#heard();
      this.#retryMs = FIRST_RETRY_MS;
      this.#options.onOpen();
    });
    source.addEventListener(ALIVE, () => this.#heard());
    for (const [name, receive] of Object.entries(this.#options.on)) {
      source.addEventListener(name, ({ data }) => {
        this.#heard();
        receive(data);
      });
    }
    source.addEventListener('error', () => this.#broke());
  }

  stop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = undefined;
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#broke(), SILENCE_LIMIT_MS);
  }

  #broke(): void {
    this.stop();
    this.#options.onBreak();
    this.#retry = setTimeout(() => this.start(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }
}
