import { createHash } from 'node:crypto';
import { AttemptLimit, type AttemptRate } from '../../shared/accounts/attempt-limit.ts';
import { generatePassword, type PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import { LOGIN_LIFETIME_MAX_S } from '../../shared/identity/claims.ts';
import { sshFingerprintOf, sshPublicLineOf } from '../../shared/identity/keys.ts';
import { operatorOf, type ProvidedOperator } from '../../shared/identity/provider/claim-rules.ts';
import {
  type IdTokenClaims,
  type ProviderKeys,
  verifyIdToken,
} from '../../shared/identity/provider/id-token.ts';
import { type KeyCommitment, nonceOf } from '../../shared/identity/provider/key-commitment.ts';
import { IdTokenRefused } from '../../shared/identity/provider/refusal.ts';
import { networkOf } from '../../shared/network.ts';
import { MAX_PREFACE_BYTES } from '../../shared/tunnel/limits.ts';
import { tooManyTries } from '../accounts/login-refusals.ts';
import { LOGIN_LIFETIME_MIN_MS, type LoginKey, type Logins } from '../accounts/logins.ts';
import { createTotpSecret } from '../accounts/one-time-code.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { LinkedAccount } from '../store/identity-store.ts';
import type { Login, Store } from '../store/store.ts';
import type { ProviderConfig } from './config.ts';
import { keptGroups } from './kept-groups.ts';

/** Refused sign-ins from one address. */
const ADDRESS_RATE: AttemptRate = { burst: 20, refillMs: 15_000 };

/** An ID token is for one sign-in, which follows at once: an older one was kept or stolen. */
const FRESH_MS = 10 * 60 * 1000;

/** What a pass takes besides groups and ID token, with room to spare; and what its encoding makes of it. */
const PASS_REST_BYTES = 1536;
const ENCODING_GROWTH = 4 / 3;

/** An identity provider as operators see it, before they are signed in. */
export interface ListedProvider {
  readonly name: string;
  readonly title: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly maxAgeS: number;
  readonly deviceCode: boolean;
  readonly redirectUri: string;
}

/** What an operator sends who has signed in at a provider. */
export interface ProviderLoginRequest extends Omit<LoginKey, 'publicKey'>, KeyCommitment {
  /** The provider's name here. */
  readonly provider: string;
  readonly idToken: string;
}

/** A provider with its keys. */
export interface KnownProvider extends ProviderConfig {
  readonly keys: ProviderKeys;
}

/** What {@link ProviderLogins} is built from. */
export interface ProviderLoginsParts {
  readonly providers: readonly KnownProvider[];
  readonly store: Store;
  readonly logins: Logins;
  readonly passwords: PasswordHasher;
  readonly refusals: Refusals;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/** Turns ID tokens of the configured identity providers into logins. */
export class ProviderLogins {
  readonly #parts: ProviderLoginsParts;
  readonly #addresses: AttemptLimit;

  constructor(parts: ProviderLoginsParts) {
    this.#parts = parts;
    this.#addresses = new AttemptLimit(ADDRESS_RATE, parts.clock);
  }

  /** What anybody may know: it is what the provider's own sign-in page shows too. */
  list(): readonly ListedProvider[] {
    return this.#parts.providers.map(
      ({ name, title = name, issuer, clientId, scopes, reauthenticateAfter, deviceCode, redirectUri }) => ({
        ...{ name, title, issuer, clientId, scopes, deviceCode, redirectUri },
        maxAgeS: Math.floor(reauthenticateAfter / 1000),
      }),
    );
  }

  /**
   * Checks an ID token and lets its key in. The account is made at the first sign-in; its groups are those of the
   * latest one.
   * @throws `login.provider_unknown`, `login.limited`, `login.provider_refused`, `id_token.*` where the operator can
   *   do something about it, and what `Logins.start` throws
   */
  async login(request: ProviderLoginRequest): Promise<Login> {
    const network = networkOf(request.source);
    const waitMs = this.#addresses.waitMs(network);
    if (waitMs > 0) throw tooManyTries(waitMs);
    this.#addresses.take(network);
    try {
      const login = await this.#login(request);
      this.#addresses.giveBack(network);
      return login;
    } catch (error) {
      if (isDrawbridgeError(error) && REFUSALS.test(error.code)) await this.#tellRefusal(error, request);
      throw shown(error);
    }
  }

  async #login(request: ProviderLoginRequest): Promise<Login> {
    const { clock, logins, store } = this.#parts;
    const { jwk, salt, idToken, source } = request;
    const provider = this.#parts.providers.find(({ name }) => name === request.provider);
    if (provider === undefined) {
      throw new DrawbridgeError('login.provider_unknown', 'There is no such identity provider here.', {
        hint: '`drawbridge login --provider list` shows those that there are.',
      });
    }
    const claims = await verifyIdToken(idToken, { ...provider, clock, expiry: 'must_last' });
    const committed = this.#requireCommitment(claims, request, provider);
    if (clock.nowMs() - claims.iat * 1000 > FRESH_MS) throw new IdTokenRefused('expired');
    const described = operatorOf(claims, provider);
    const operator = { ...described, groups: keptGroups(described.groups, provider.keepGroups) };
    requireRoomInPass(operator, idToken);
    const account = { issuer: claims.iss, subject: claims.sub, username: operator.username };
    const epoch = await this.#requireOwnAccount(account);
    const fingerprint = sshFingerprintOf(jwk);
    const latestMs = operator.authTimeS * 1000 + LOGIN_LIFETIME_MAX_S * 1000;
    if (latestMs - clock.nowMs() < LOGIN_LIFETIME_MIN_MS) throw new IdTokenRefused('login_too_old');
    const spent = await store.identities.addEvidence({
      fingerprint,
      // Without the signature: of one by ECDSA anybody can make a second one that is as good.
      tokenHash: createHash('sha256')
        .update(idToken.slice(0, idToken.lastIndexOf('.')))
        .digest('base64url'),
      ...(committed ? { evidence: { id_token: idToken, jwk, salt } } : {}),
      expiresAtMs: latestMs,
    });
    if (!spent) throw new IdTokenRefused('expired', { detail: 'it was used before' });
    await this.#keepAccount(account, operator);
    await store.identities.forgetEvidence(clock.nowMs() - FRESH_MS);
    return logins.start(
      {
        username: operator.username,
        epoch,
        amr: operator.amr,
        by: 'provider',
        authTimeMs: Math.min(operator.authTimeS * 1000, clock.nowMs()),
        details: {
          provider: provider.name,
          issuer: claims.iss,
          subject: claims.sub,
          committed,
          ...(claims.acr === undefined ? {} : { acr: claims.acr }),
        },
      },
      {
        publicKey: sshPublicLineOf(jwk),
        source,
        ...(request.lifetimeMs === undefined ? {} : { lifetimeMs: request.lifetimeMs }),
        ...(request.deviceProof === undefined ? {} : { deviceProof: request.deviceProof }),
      },
    );
  }

  /** Whether the token commits to the key. Only the device flow, which has no nonce, may leave it out. */
  #requireCommitment(claims: IdTokenClaims, commitment: KeyCommitment, provider: KnownProvider): boolean {
    if (claims.nonce === nonceOf(commitment)) return true;
    if (claims.nonce === undefined && provider.deviceCode) return false;
    throw new IdTokenRefused('not_bound');
  }

  /**
   * An account belongs to whom it was made for: a provider takes over none that was made here or by another.
   * @returns the account's epoch; the first one of an account that is yet to be made
   */
  async #requireOwnAccount(account: LinkedAccount): Promise<number> {
    const { store } = this.#parts;
    const linked = await store.identities.findAccountOf(account);
    if (linked !== undefined && linked.username !== account.username) {
      throw new DrawbridgeError(
        'login.renamed',
        `Your identity provider calls you ${account.username} now, and your account here is ${linked.username}.`,
        { hint: 'Ask the administrator of the proxy to give you a new account.' },
      );
    }
    const held = await store.accounts.findAccount(account.username);
    if (held === undefined) return 0;
    if (linked === undefined) {
      throw accountTaken(account.username);
    }
    if (held.disabled) {
      throw new DrawbridgeError('login.disabled', 'Your account is disabled.', {
        hint: 'Ask the administrator of the proxy.',
      });
    }
    return held.epoch;
  }

  async #keepAccount(account: LinkedAccount, operator: ProvidedOperator): Promise<void> {
    const { store, passwords, audit, clock } = this.#parts;
    const { username } = account;
    const { groups } = operator;
    if ((await store.identities.findAccountOf(account)) !== undefined) {
      await store.accounts.replaceGroups(username, groups);
      return;
    }
    await audit.append({
      type: 'user.added',
      actor: `operator:${username}`,
      user: username,
      groups,
      issuer: account.issuer,
      subject: account.subject,
    });
    // A password and a code that nobody is told: this account is for the provider alone.
    const made = await store.identities.addLinkedAccount(
      {
        username,
        groups,
        passwordHash: await passwords.hash(generatePassword()),
        totpSecret: createTotpSecret(),
        disabled: false,
        createdAtMs: clock.nowMs(),
      },
      account,
    );
    if (!made) throw accountTaken(username);
  }

  async #tellRefusal(error: DrawbridgeError, request: ProviderLoginRequest): Promise<void> {
    await this.#parts.refusals.add({
      type: 'operator.refused',
      reason: error.code,
      source: request.source,
      by: 'provider',
      provider: request.provider.slice(0, 64),
      fingerprint: sshFingerprintOf(request.jwk),
      detail: error.message,
    });
  }
}

function accountTaken(username: string): DrawbridgeError {
  return new DrawbridgeError(
    'login.account_taken',
    `The user name ${username} belongs to somebody else here.`,
    { hint: 'Ask the administrator of the proxy; the account was made by hand or by another provider.' },
  );
}

const REFUSALS = /^(id_token|login)\./;

/** What an operator can do something about is said; how a token failed otherwise is for the audit log. */
const SAID: ReadonlySet<string> = new Set([
  'too_large',
  'expired',
  'not_yet_valid',
  'login_too_old',
  'no_username',
  'groups_overage',
  'groups_malformed',
  'keys_unavailable',
  'keys_too_old',
]);

function shown(error: unknown): unknown {
  if (!(error instanceof IdTokenRefused) || SAID.has(error.fault)) return error;
  return new DrawbridgeError('login.provider_refused', 'The proxy did not accept your sign-in.', {
    hint: 'Sign in again. If it goes on, ask the administrator of the proxy, whose audit log says why.',
    cause: error,
  });
}

/** Groups travel twice in a pass, in the ID token and beside it, and a pass must fit into a stream's preface. */
function requireRoomInPass(operator: ProvidedOperator, idToken: string): void {
  const payloadBytes = Buffer.byteLength(JSON.stringify(operator)) + idToken.length + PASS_REST_BYTES;
  if (payloadBytes * ENCODING_GROWTH <= MAX_PREFACE_BYTES) return;
  throw new IdTokenRefused('too_large', {
    detail: `it names ${operator.groups.length} groups; let the identity provider send fewer, or keep fewer with keepGroups`,
  });
}
