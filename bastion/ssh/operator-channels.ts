import type { SessionRegistry } from '../sessions/session-registry.ts';
import type { SessionContext } from './session-context.ts';

/** Channels of one session at once, forwards among them: what a browser behind `-D` opens, and room to spare. */
export const CHANNELS_MAX = 256;

/** A channel, as far as its end goes. */
export interface Closable {
  /** Nothing passes any more. */
  silence(): void;
  /** Tells the operator why, if they can hear it, and closes both sides. */
  cut(message: string): void;
  /** Never rejects. */
  readonly finished: Promise<void>;
}

/** The channels of one operator's connection that are open. */
export class OperatorChannels {
  readonly #registry: Pick<SessionRegistry, 'channelRefusal'>;
  readonly #channels = new Set<Closable>();

  constructor(registry: Pick<SessionRegistry, 'channelRefusal'>) {
    this.#registry = registry;
  }

  /** Serves a further one of a live session, or enters why there can be none and refuses it. @throws `audit.unavailable` */
  async admit(
    open: { refuse(sentence: string): void },
    context: SessionContext,
    serve: (context: SessionContext) => void | Promise<void>,
  ): Promise<void> {
    const full =
      this.#channels.size >= CHANNELS_MAX
        ? `a session may have ${CHANNELS_MAX} channels open`
        : this.#registry.channelRefusal();
    if (full !== undefined) {
      await context.recordRefusal('channel.refused', { kind: 'open', reason: full });
      open.refuse(`${context.services.bastionName} refused: ${full}.`);
      return;
    }
    await serve(context);
  }

  /** Counts one until it has finished. */
  keep(channel: Closable): void {
    this.#channels.add(channel);
    void channel.finished.then(() => this.#channels.delete(channel));
  }

  /** Nothing passes in any of them when this has returned. */
  silence(): void {
    for (const channel of this.#channels) channel.silence();
  }

  /** Tells the operator why in each of them, and closes it. */
  cut(message: string): void {
    for (const channel of this.#channels) channel.cut(message);
  }

  /** Resolves when all that are open now have finished. */
  async finished(): Promise<void> {
    await Promise.all([...this.#channels].map((channel) => channel.finished));
  }
}
