import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { Egress } from '../../egress/egress.ts';
import { fetchJson } from '../../egress/fetch-json.ts';
import { DrawbridgeError, messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { writeWholeFile } from '../../store/whole-file.ts';
import type { ProviderKeys } from './id-token.ts';
import { type IdTokenAlgorithm, keysFor, type ProviderKey, parseKeySet } from './key-set.ts';
import { IdTokenRefused } from './refusal.ts';

/** Keys that are older are fetched anew beside the work; until the maximum age they still count. */
const REFRESH_AFTER_MS = 60 * 60 * 1000;
/** A provider is not asked more often, whatever tokens come: unknown keys are cheap to make up. */
const ASK_AGAIN_AFTER_MS = 30_000;
const FETCH_TIMEOUT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 512 * 1024;
/** A cache from further in the future was written by a clock that was wrong. */
const FUTURE_TOLERANCE_MS = 60_000;

const httpsAddress = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:');
const metadataSchema = z.object({ issuer: z.string(), jwks_uri: httpsAddress });
const cacheSchema = z.object({ issuer: z.string(), fetchedAtMs: z.number(), keySet: z.unknown() });

/** Keys, and when the provider said them. */
interface KnownKeys {
  readonly keys: readonly ProviderKey[];
  readonly fetchedAtMs: number;
}

export interface FetchedKeysOptions {
  /** As in the tokens; its configuration is at `/.well-known/openid-configuration` below it. */
  readonly issuer: string;
  readonly egress: Egress;
  /** Keys that were not renewed for so long count no more. */
  readonly maxAgeMs: number;
  /** Where the keys are kept over restarts; nowhere if left out. */
  readonly cachePath?: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The keys of a provider as it publishes them (OpenID Connect Discovery 1.0), kept in memory and in a file. A key that
 * is not known yet is looked for at once, so that the provider can rotate keys at any time. When the provider can't be
 * asked, the known keys count until they are too old; then none does.
 */
export class FetchedKeys implements ProviderKeys {
  readonly #options: FetchedKeysOptions;
  #known: KnownKeys | undefined;
  #askedAtMs: number | undefined;
  #asking: Promise<void> | undefined;
  #problem: unknown;

  private constructor(options: FetchedKeysOptions, known: KnownKeys | undefined) {
    this.#options = options;
    this.#known = known;
  }

  /** Takes up what the cache holds. A cache that can't be used is as good as none. */
  static async open(options: FetchedKeysOptions): Promise<FetchedKeys> {
    return new FetchedKeys(options, await readCache(options));
  }

  async find(header: { alg: IdTokenAlgorithm; kid?: string | undefined }): Promise<readonly KeyObject[]> {
    const current = keysFor(await this.#current(), header);
    if (current.length > 0) return current;
    await this.#ask();
    const renewed = keysFor(await this.#current(), header);
    if (renewed.length > 0) return renewed;
    throw new IdTokenRefused('unknown_key');
  }

  async #current(): Promise<readonly ProviderKey[]> {
    const fresh = this.#usable();
    if (fresh === undefined) {
      await this.#ask();
    } else {
      if (this.#ageMs(fresh) >= REFRESH_AFTER_MS) void this.#ask();
      return fresh.keys;
    }
    const asked = this.#usable();
    if (asked !== undefined) return asked.keys;
    const fault = this.#known === undefined ? 'keys_unavailable' : 'keys_too_old';
    const options =
      this.#problem === undefined ? {} : { detail: messageOf(this.#problem), cause: this.#problem };
    throw new IdTokenRefused(fault, options);
  }

  #usable(): KnownKeys | undefined {
    const known = this.#known;
    return known !== undefined && this.#ageMs(known) < this.#options.maxAgeMs ? known : undefined;
  }

  /** A time of fetching that lies in the future says nothing: such keys are as old as can be. */
  #ageMs({ fetchedAtMs }: KnownKeys): number {
    const ageMs = this.#options.clock.nowMs() - fetchedAtMs;
    return ageMs < -FUTURE_TOLERANCE_MS ? Number.POSITIVE_INFINITY : ageMs;
  }

  /** Asks the provider, unless that was just done; all who want to know wait for the same answer. Never rejects. */
  #ask(): Promise<void> {
    const { clock, log, issuer } = this.#options;
    if (this.#asking !== undefined) return this.#asking;
    const nowMs = clock.monotonicMs();
    if (this.#askedAtMs !== undefined && nowMs - this.#askedAtMs < ASK_AGAIN_AFTER_MS)
      return Promise.resolve();
    this.#askedAtMs = nowMs;
    this.#asking = this.#fetch()
      .then(
        () => {
          this.#problem = undefined;
        },
        (error: unknown) => {
          this.#problem = error;
          log.warn({ err: error, issuer }, "the identity provider's keys could not be renewed");
        },
      )
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    const { issuer, clock } = this.#options;
    const metadata = metadataSchema.safeParse(await this.#get(configurationUrl(issuer)));
    if (!metadata.success || metadata.data.issuer !== issuer) {
      throw new DrawbridgeError(
        'idp.bad_configuration',
        `${issuer} does not describe itself as this issuer.`,
        {
          hint: "Write the issuer exactly as in the provider's openid-configuration.",
        },
      );
    }
    const keySet = await this.#get(new URL(metadata.data.jwks_uri));
    const known = { keys: parseKeySet(keySet), fetchedAtMs: clock.nowMs() };
    this.#known = known;
    await this.#writeCache(keySet, known.fetchedAtMs);
  }

  async #get(url: URL): Promise<unknown> {
    const { egress } = this.#options;
    const options = { timeoutMs: FETCH_TIMEOUT_MS, limitBytes: ANSWER_LIMIT_BYTES };
    const { status, body } = await fetchJson(egress, url, options);
    if (status === 200) return body;
    throw new DrawbridgeError('idp.unexpected', `${url.host} answered with HTTP status ${status}.`);
  }

  /** What can't be kept is only missed at the next start. */
  async #writeCache(keySet: unknown, fetchedAtMs: number): Promise<void> {
    const { cachePath, issuer, log } = this.#options;
    if (cachePath === undefined) return;
    try {
      await writeWholeFile(cachePath, `${JSON.stringify({ issuer, fetchedAtMs, keySet })}\n`);
    } catch (error) {
      log.warn({ err: error, issuer }, "the identity provider's keys could not be kept for the next start");
    }
  }
}

/** Where a provider describes itself (OpenID Connect Discovery 1.0, section 4). */
export function configurationUrl(issuer: string): URL {
  return new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
}

async function readCache(options: FetchedKeysOptions): Promise<KnownKeys | undefined> {
  if (options.cachePath === undefined) return undefined;
  try {
    const cache = cacheSchema.parse(JSON.parse(await readFile(options.cachePath, 'utf8')));
    if (cache.issuer !== options.issuer) return undefined;
    return { keys: parseKeySet(cache.keySet), fetchedAtMs: cache.fetchedAtMs };
  } catch {
    return undefined;
  }
}
