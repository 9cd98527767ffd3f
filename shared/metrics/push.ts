import type { Clock, Timer } from '../clock.ts';
import { credentialHeaders } from '../egress/credentials.ts';
import type { Egress } from '../egress/egress.ts';
import { post } from '../egress/post.ts';
import { DrawbridgeError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { MetricsPushConfig } from './config.ts';
import { otlpMetrics, type PushedFrom } from './otlp.ts';

const TIMEOUT_MS = 30_000;
const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** What {@link MetricsPush} needs. */
export interface MetricsPushParts {
  readonly config: MetricsPushConfig;
  readonly from: PushedFrom;
  /** Prometheus' text as of now. */
  readonly text: () => Promise<string>;
  readonly egress: Egress;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Pushes a role's figures, whatever the gate says. What can not be pushed is lost: the next push tells how it stands
 * then, and sums go on from the start. Audit events are another matter; see shipping.
 */
export class MetricsPush {
  readonly #parts: MetricsPushParts;
  readonly #stopping = new AbortController();
  readonly #timer: Timer;
  #pushing: Promise<void> | undefined;
  #isFailing = false;

  private constructor(parts: MetricsPushParts) {
    this.#parts = parts;
    this.#timer = parts.clock.every(parts.config.every, () => this.#start());
  }

  /** Pushes now and from then on. */
  static start(parts: MetricsPushParts): MetricsPush {
    const push = new MetricsPush(parts);
    push.#start();
    return push;
  }

  /** Gives up what is under way, and pushes no more. */
  async stop(): Promise<void> {
    this.#timer.cancel();
    this.#stopping.abort();
    await this.#pushing;
  }

  /** One at a time: a destination that is slow gets fewer. */
  #start(): void {
    this.#pushing ??= this.#push().finally(() => {
      this.#pushing = undefined;
    });
  }

  async #push(): Promise<void> {
    const { log, config } = this.#parts;
    try {
      await this.#once();
      if (this.#isFailing) log.info({ url: config.url }, 'figures are pushed again');
      this.#isFailing = false;
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (!this.#isFailing) {
        log.warn({ url: config.url, problem: messageOf(error) }, 'figures could not be pushed; trying again');
      }
      this.#isFailing = true;
    }
  }

  async #once(): Promise<void> {
    const { config, from, text, egress, clock } = this.#parts;
    const url = new URL(config.url);
    const figures = await text();
    const isOtlp = config.format === 'otlp';
    const { platformId } = config;
    const about = platformId === undefined ? from : { ...from, platformId };
    const { status } = await post(egress, url, {
      body: isOtlp ? otlpMetrics(figures, about, clock.nowMs()) : Buffer.from(figures),
      headers: {
        'content-type': isOtlp ? 'application/json' : TEXT_TYPE,
        ...(await credentialHeaders(config)),
      },
      timeoutMs: TIMEOUT_MS,
      signal: this.#stopping.signal,
    });
    if (status >= 200 && status < 300) return;
    const denied = status === 401 || status === 403 ? ': it does not take our credentials' : '';
    throw new DrawbridgeError('ship.refused', `${url.host} answered with status ${status}${denied}.`);
  }
}
