import { AttemptLimit } from '../../../shared/accounts/attempt-limit.ts';
import type { Actor } from '../../../shared/audit/event.ts';
import type { Clock } from '../../../shared/clock.ts';
import type { Egress } from '../../../shared/egress/egress.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../../shared/errors.ts';
import { operatorOf } from '../../../shared/identity/provider/claim-rules.ts';
import { FetchedKeys } from '../../../shared/identity/provider/fetched-keys.ts';
import {
  type IdTokenClaims,
  type ProviderKeys,
  verifyIdToken,
} from '../../../shared/identity/provider/id-token.ts';
import type { Logger } from '../../../shared/log.ts';
import { networkOf } from '../../../shared/network.ts';
import type { LateEvents } from '../late-events.ts';
import { providedName } from '../provided-name.ts';
import { ADMIN_ROLES, type AdminRole } from '../role.ts';
import { ADMIN_SIGN_IN_RATES } from '../sign-in-rates.ts';
import type { AdminProviderConfig } from './config.ts';
import { isSame, type PendingSignIn, PendingSignIns } from './pending-sign-ins.ts';
import { ProviderClient } from './provider-client.ts';

/** Where the provider sends browsers back to, below the page's address. */
export const CALLBACK_PATH = '/api/login/provider/callback';
/** Keys of the provider that could not be renewed for so long count no more. */
const KEYS_MAX_AGE_MS = 24 * 3_600_000;

/** Why somebody from the provider was not let in, beside the codes of errors. */
type ProviderRefusal =
  | 'too_many_attempts'
  | 'provider_wrong_issuer'
  | 'provider_denied'
  | 'provider_wrong_nonce'
  | 'provider_method_missing'
  | 'provider_no_role';

/** What a browser brings back from the provider (RFC 6749, section 4.1.2; RFC 9207). */
export interface ProviderAnswer {
  readonly code?: string | undefined;
  readonly state?: string | undefined;
  readonly iss?: string | undefined;
  readonly error?: string | undefined;
}

/** Somebody whom the provider vouched for and whose groups have a role here. */
export interface ProvidedAdmin {
  readonly username: string;
  readonly role: AdminRole;
  readonly provided: true;
  /** For so long the directory is not asked again. */
  readonly lastsMs: number;
}

/**
 * What became of a callback. `stray`: it belongs to no sign-in of this browser, which may be under way all the same, since
 * any page can send a browser here.
 */
export type ProviderOutcome =
  | { readonly kind: 'stray' | 'refused' }
  | { readonly kind: 'admitted'; readonly admin: ProvidedAdmin };

/** How the sign-in is set up, and how it went last since the bastion started. */
export interface ProviderStanding {
  /** Where the provider sends browsers back to: what it has to know of this client. */
  readonly callback: string;
  readonly lastSignIn?: { readonly at: string; readonly username: string };
  readonly lastFailure?: { readonly at: string; readonly reason: string };
}

export interface ProviderSignInOptions {
  readonly config: AdminProviderConfig;
  /** The bastion's own address, which counts unless the configuration names another for the page. */
  readonly publicUrl: string;
  readonly egress: Egress;
  readonly late: LateEvents;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Sign-in of administrators by the customer's directory: authorization code with PKCE, state and nonce. Groups make the
 * role, at each sign-in anew. Whatever is wrong, outside it reads the same; the audit log tells the customer which it was.
 */
export class ProviderSignIn {
  readonly title: string;
  readonly #options: ProviderSignInOptions;
  readonly #client: ProviderClient;
  readonly #keys: ProviderKeys;
  readonly #pending: PendingSignIns;
  readonly #limit: AttemptLimit;
  /** Of strays: they open nothing, so they use up nobody's tries, and a flood of them is one event. */
  readonly #strays: AttemptLimit;
  #standing: ProviderStanding;

  private constructor(options: ProviderSignInOptions, keys: ProviderKeys) {
    const { config, publicUrl, clock } = options;
    this.title = config.title ?? config.name;
    this.#options = options;
    this.#keys = keys;
    this.#pending = new PendingSignIns(clock);
    this.#limit = new AttemptLimit(ADMIN_SIGN_IN_RATES.address, clock);
    this.#strays = new AttemptLimit(ADMIN_SIGN_IN_RATES.address, clock);
    const callback = callbackOf(config, publicUrl);
    this.#standing = { callback };
    this.#client = new ProviderClient({ ...options, redirectUri: callback });
  }

  static async open(options: ProviderSignInOptions): Promise<ProviderSignIn> {
    const { config, egress, clock, log } = options;
    const keys = { issuer: config.issuer, egress, maxAgeMs: KEYS_MAX_AGE_MS, clock, log };
    return new ProviderSignIn(options, await FetchedKeys.open(keys));
  }

  get standing(): ProviderStanding {
    return this.#standing;
  }

  /** Sends a browser to the provider; `secret` is for its cookie. @throws `login.provider_unavailable`. */
  async begin(address: string): Promise<{ readonly location: string; readonly secret: string }> {
    const { log, config } = this.#options;
    const { secret, pending } = this.#pending.begin(networkOf(address));
    try {
      return { location: await this.#client.authorizationUrl(pending), secret };
    } catch (cause) {
      log.warn({ err: cause, issuer: config.issuer }, "administrators can't sign in by the directory");
      this.#failed(isDrawbridgeError(cause) ? cause.code : 'internal');
      throw new DrawbridgeError(
        'login.provider_unavailable',
        `${this.title} can't be asked at this moment.`,
        {
          hint: "Try again, or sign in with a local account. The bastion's log says more.",
          cause,
        },
      );
    }
  }

  /**
   * Who came back from the provider, if somebody is to be let in. Audited as `admin.signed_in` or
   * `admin.refused`, the latter with the true reason.
   */
  async finish(
    answer: ProviderAnswer,
    secret: string | undefined,
    address: string,
  ): Promise<ProviderOutcome> {
    const network = networkOf(address);
    const pending = secret === undefined ? undefined : this.#pending.take(secret, answer.state ?? '');
    if (pending === undefined) {
      if (this.#strays.take(network)) await this.#note('provider_wrong_state', address);
      else if (this.#strays.noteRefusal(network)) await this.#note('too_many_attempts', address);
      return { kind: 'stray' };
    }
    if (!this.#limit.take(network)) {
      if (this.#limit.noteRefusal(network)) await this.#refuse('too_many_attempts', address);
      return { kind: 'refused' };
    }
    const admin = await this.#vouchedFor(answer, pending, address);
    if (admin === undefined) return { kind: 'refused' };
    this.#limit.giveBack(network);
    return { kind: 'admitted', admin };
  }

  async #vouchedFor(
    answer: ProviderAnswer,
    pending: PendingSignIn,
    address: string,
  ): Promise<ProvidedAdmin | undefined> {
    try {
      const claims = await this.#claimsFor(answer, pending);
      if (typeof claims === 'string') return await this.#refuse(claims, address);
      return await this.#admit(claims, address);
    } catch (error) {
      if (!isDrawbridgeError(error)) throw error;
      const { config, log } = this.#options;
      log.warn({ err: error, issuer: config.issuer }, 'a sign-in by the directory was refused');
      return await this.#refuse(error.code, address);
    }
  }

  async #claimsFor(answer: ProviderAnswer, pending: PendingSignIn): Promise<IdTokenClaims | ProviderRefusal> {
    const { config, clock } = this.#options;
    if (answer.iss !== undefined && answer.iss !== config.issuer) return 'provider_wrong_issuer';
    if (answer.error !== undefined || answer.code === undefined) return 'provider_denied';
    const token = await this.#client.exchange(answer.code, pending);
    const { issuer, clientId, algorithms } = config;
    const rules = { issuer, clientId, algorithms, keys: this.#keys, clock, expiry: 'must_last' } as const;
    const claims = await verifyIdToken(token, rules);
    return isSame(claims.nonce ?? '', pending.nonce) ? claims : 'provider_wrong_nonce';
  }

  /** @throws `id_token.*` when the claims name nobody, or groups that can't be read. */
  async #admit(claims: IdTokenClaims, address: string): Promise<ProvidedAdmin | undefined> {
    const { config, late } = this.#options;
    const person = operatorOf(claims, config);
    const username = providedName(config.name, person.username);
    const actor = `admin:${username}` as const;
    const { requireAmr } = config;
    if (requireAmr !== undefined && !requireAmr.some((method) => person.amr.includes(method))) {
      return this.#refuse('provider_method_missing', address, actor);
    }
    const role = roleOf(config.roles, person.groups);
    if (role === undefined) return this.#refuse('provider_no_role', address, actor);
    const vouchedBy = { issuer: claims.iss, subject: claims.sub };
    await late.append({ type: 'admin.signed_in', actor, source: address, by: 'provider', role, vouchedBy });
    this.#standing = { ...this.#standing, lastSignIn: { at: this.#now(), username } };
    return { username, role, provided: true, lastsMs: config.signInFor };
  }

  async #refuse(reason: string, address: string, actor: Actor = 'system'): Promise<undefined> {
    this.#failed(reason);
    await this.#note(reason, address, actor);
    return undefined;
  }

  async #note(reason: string, address: string, actor: Actor = 'system'): Promise<void> {
    await this.#options.late.append({
      type: 'admin.refused',
      actor,
      source: address,
      by: 'provider',
      reason,
    });
  }

  #failed(reason: string): void {
    this.#standing = { ...this.#standing, lastFailure: { at: this.#now(), reason } };
  }

  #now(): string {
    return new Date(this.#options.clock.nowMs()).toISOString();
  }
}

/** The address that the provider has to know of this client: it sends browsers back there and nowhere else. */
export function callbackOf(config: Pick<AdminProviderConfig, 'pageUrl'>, publicUrl: string): string {
  return `${(config.pageUrl ?? publicUrl).replace(/\/$/, '')}${CALLBACK_PATH}`;
}

/** The highest role that one of the groups has. */
function roleOf(roles: AdminProviderConfig['roles'], groups: readonly string[]): AdminRole | undefined {
  return [...ADMIN_ROLES].reverse().find((role) => roles[role].some((group) => groups.includes(group)));
}
