import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../shared/clock.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import { type PassIssuer, verifyPass } from '../../shared/identity/pass.ts';
import { FetchedKeys } from '../../shared/identity/provider/fetched-keys.ts';
import type { ProviderKeys } from '../../shared/identity/provider/id-token.ts';
import { KeyFile } from '../../shared/identity/provider/key-file.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import type { TrustedProvider } from './config.ts';
import { IdentityTrust, type ProviderTrust } from './identity-trust.ts';
import { SeenPasses } from './seen-passes.ts';

/** Whose word counts about operators: the pieces of the configuration that say so. */
export interface TrustSettings {
  readonly trust: 'proxy' | 'idp';
  readonly providers: readonly TrustedProvider[];
}

/** What {@link PassCheck} is built from. */
export interface PassCheckParts {
  /** Id of this bastion. */
  readonly audience: string;
  /** Whoever signs passes at the moment of asking; undefined: this bastion has joined no proxy, or has left it. */
  readonly issuer: () => PassIssuer | undefined;
  readonly dataDir: string;
  readonly egress: () => Egress;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/** {@link TrustSettings} whose keys have been read. */
export interface ReadyTrust {
  readonly trust: 'proxy' | 'idp';
  readonly providers: readonly OpenProvider[];
}

interface OpenProvider {
  readonly settings: TrustedProvider;
  readonly provider: ProviderTrust;
}

/**
 * How passes are checked here: the proxy's signature always, and with `trust: idp` the identity provider's as well. Whom
 * that is may change while sessions go on.
 */
export class PassCheck {
  readonly #parts: PassCheckParts;
  readonly #seen: SeenPasses;
  #now: ReadyTrust = { trust: 'idp', providers: [] };

  private constructor(parts: PassCheckParts) {
    this.#parts = parts;
    this.#seen = new SeenPasses(parts.database, parts.clock);
  }

  /** @throws see {@link PassCheck.prepare} */
  static async open(parts: PassCheckParts, settings: TrustSettings): Promise<PassCheck> {
    const check = new PassCheck(parts);
    check.take(await check.prepare(settings));
    return check;
  }

  /** Checks a pass, once, and says what counts about its operator. @throws `pass.*`, `id_token.*` */
  async check(token: string): Promise<PassClaims> {
    const { audience, clock } = this.#parts;
    const issuer = this.#parts.issuer();
    if (issuer === undefined) {
      throw new DrawbridgeError('pass.wrong_issuer', 'This bastion has joined no proxy.');
    }
    const claims = await verifyPass(token, { issuer, audience, seen: this.#seen, clock });
    const { trust, providers } = this.#now;
    if (trust === 'proxy') return claims;
    return new IdentityTrust({ providers: providers.map((one) => one.provider), clock }).check(claims);
  }

  /**
   * Whether a pass that was good still is, now or by what comes `next`: who signed it, and who vouched for its operator,
   * may be trusted no more.
   */
  stillTrusts(vouchedBy: string | undefined, next?: TrustSettings): boolean {
    if (this.#parts.issuer() === undefined) return false;
    if ((next ?? this.#now).trust === 'proxy') return true;
    const trusted = next?.providers ?? this.#now.providers.map(({ settings }) => settings);
    return trusted.some(({ issuer }) => issuer === vouchedBy);
  }

  /**
   * Reads the keys of new providers; nothing is trusted yet.
   * @throws `trust.no_provider`, `idp.keys_unreadable`, `idp.bad_keys`, `egress.*`
   */
  async prepare({ trust, providers }: TrustSettings): Promise<ReadyTrust> {
    assertSomebodyTrusted({ trust, providers });
    if (trust === 'proxy') return { trust, providers: [] };
    const opened = providers.map(
      async (settings) => this.#known(settings) ?? (await open(settings, this.#parts)),
    );
    return { trust, providers: await Promise.all(opened) };
  }

  /** Trusts no one any more who is not in `next`; nobody is added, so that no key of a new provider is waited for. */
  narrow(next: TrustSettings): void {
    if (next.trust === 'proxy') return;
    const kept = this.#now.trust === 'proxy' ? [] : this.#now.providers;
    const isNext = ({ settings }: OpenProvider): boolean =>
      next.providers.some((one) => isDeepStrictEqual(one, settings));
    this.#now = { trust: 'idp', providers: kept.filter(isNext) };
  }

  /** Trusts who is in `next`, and nobody else. */
  take(next: ReadyTrust): void {
    this.#now = next;
  }

  #known(settings: TrustedProvider): OpenProvider | undefined {
    return this.#now.providers.find((one) => isDeepStrictEqual(one.settings, settings));
  }
}

/** @throws `trust.no_provider` */
export function assertSomebodyTrusted({ trust, providers }: TrustSettings): void {
  if (trust === 'proxy' || providers.length > 0) return;
  throw new DrawbridgeError('trust.no_provider', "'trust: idp' needs an identity provider to trust.", {
    hint: "Name its issuer and client id under 'idp' in bastion.yaml.",
  });
}

async function open(settings: TrustedProvider, parts: PassCheckParts): Promise<OpenProvider> {
  const { keys, maxLoginAge: maxLoginAgeMs, ...rest } = settings;
  const provider = { ...rest, maxLoginAgeMs, keys: await openKeys(rest.issuer, keys, parts) };
  return { settings, provider };
}

async function openKeys(
  issuer: string,
  keys: TrustedProvider['keys'],
  { dataDir, egress, clock, log }: PassCheckParts,
): Promise<ProviderKeys> {
  if (keys.file !== undefined) return KeyFile.open(keys.file);
  const folder = join(dataDir, 'identity-providers');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const cachePath = join(folder, `${createHash('sha256').update(issuer).digest('hex').slice(0, 16)}.json`);
  return FetchedKeys.open({ issuer, egress: egress(), maxAgeMs: keys.maxAge, cachePath, clock, log });
}
