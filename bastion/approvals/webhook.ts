import { createHmac, randomUUID } from 'node:crypto';
import type { Json } from '../../shared/audit/event.ts';
import { type Clock, isoTime, type Timer } from '../../shared/clock.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { fetchJson } from '../../shared/egress/fetch-json.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';

/** Messages that may wait; one more drops the oldest, with a line in the log. */
export const QUEUE_MAX = 256;
/** Waits before each further try; after the last one the message is dropped, with a line in the log. */
export const RETRY_DELAYS_MS: readonly number[] = [1_000, 5_000, 20_000, 60_000];
const TIMEOUT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 64 * 1024;

/** Header with the time of sending and the signature: `t=UNIX_SECONDS,v1=HEX`. */
export const SIGNATURE_HEADER = 'x-drawbridge-signature';

/** What the signature is over: the time in seconds, a dot, and the body as it is sent. */
export function signatureOf(secret: string, body: string, timeSeconds: number): string {
  const hmac = createHmac('sha256', secret).update(`${timeSeconds}.${body}`).digest('hex');
  return `t=${timeSeconds},v1=${hmac}`;
}

interface Message {
  readonly body: { readonly [key: string]: Json };
  tries: number;
}

export interface WebhookOptions {
  readonly url: string;
  readonly secret: string;
  readonly bastionName: string;
  readonly egress: Egress;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells another system of the customer what is asked for, in order, and again when it does not answer. */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #queue: Message[] = [];
  readonly #stopping = new AbortController();
  #sending: Promise<void> | undefined;
  #retry: Timer | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Queues a message. `type` is like that of the audit event. */
  send(type: string, fields: { readonly [key: string]: Json }): void {
    const { bastionName, clock, log } = this.#options;
    if (this.#stopping.signal.aborted) return;
    if (this.#queue.length >= QUEUE_MAX) {
      this.#queue.splice(this.#sending === undefined ? 0 : 1, 1);
      log.warn({ limit: QUEUE_MAX }, 'the webhook does not keep up: its oldest message was dropped');
    }
    const body = { id: randomUUID(), type, time: isoTime(clock), bastion: bastionName, ...fields };
    this.#queue.push({ body, tries: 0 });
    this.#begin();
  }

  /** Gives up what waits. Resolves when nothing is on its way. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#retry?.cancel();
    this.#queue.length = 0;
    await this.#sending;
  }

  #begin(): void {
    if (this.#sending !== undefined || this.#retry !== undefined) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    for (let [message] = this.#queue; message !== undefined; [message] = this.#queue) {
      const sent = await this.#try(message);
      if (this.#stopping.signal.aborted) return;
      if (!sent && message.tries <= RETRY_DELAYS_MS.length) {
        const delayMs = RETRY_DELAYS_MS[message.tries - 1] ?? 0;
        this.#retry = this.#options.clock.after(delayMs, () => {
          this.#retry = undefined;
          this.#begin();
        });
        return;
      }
      const at = this.#queue.indexOf(message);
      if (at >= 0) this.#queue.splice(at, 1);
    }
  }

  async #try(message: Message): Promise<boolean> {
    const { url, secret, egress, clock, log } = this.#options;
    message.tries += 1;
    const signature = signatureOf(secret, JSON.stringify(message.body), Math.floor(clock.nowMs() / 1000));
    try {
      const { status } = await fetchJson(egress, new URL(url), {
        method: 'POST',
        body: message.body,
        headers: { [SIGNATURE_HEADER]: signature },
        timeoutMs: TIMEOUT_MS,
        limitBytes: ANSWER_LIMIT_BYTES,
        signal: this.#stopping.signal,
      });
      if (status >= 200 && status < 300) return true;
      throw new DrawbridgeError('approval.webhook', `The webhook answered with status ${status}.`);
    } catch (error) {
      // Many answer a good message with a word of text: that it was taken is all that counts.
      if (isDrawbridgeError(error, 'egress.not_json')) return true;
      if (this.#stopping.signal.aborted) return false;
      const { type } = message.body;
      log.warn(
        { type, tries: message.tries, problem: messageOf(error) },
        'the webhook did not take a message',
      );
      return false;
    }
  }
}
