import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import { AttemptLimit, type AttemptRate } from '../../shared/accounts/attempt-limit.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { networkOf } from '../../shared/network.ts';
import type { Login } from '../store/store.ts';
import { tooManyTries } from './login-refusals.ts';
import { type CheckedOperator, type LoginKey, type Logins, requireLoginKey } from './logins.ts';
import type { Refusals } from './refusals.ts';
import type { AuthenticationOptions, SecurityKeys } from './security-keys.ts';

/** From `drawbridge login` to the touch of the key. */
export const BROWSER_SIGN_IN_LIFETIME_MS = 10 * 60_000;
/** Requests that wait at once; beyond it new ones are refused. */
const WAITING_LIMIT = 5_000;
/** Requests from one address. */
const BEGIN_RATE: AttemptRate = { burst: 30, refillMs: 10_000 };
/** Challenges for one request: one per try of the key. */
const CHALLENGES_LIMIT = 20;

/** Without vowels and look-alikes: nobody reads a word in it, or a 0 for an O. */
const CODE_ALPHABET = 'BCDFGHJKMNPQRSTVWXZ23456789';

/** How far a request has come. */
type Step =
  | { readonly kind: 'waiting' }
  /** The browser has a challenge that was not answered yet. */
  | { readonly kind: 'challenged'; readonly challenge: string }
  | { readonly kind: 'approved'; readonly operator: CheckedOperator }
  /** Somebody at the page has said that it was not them. */
  | { readonly kind: 'denied' };

/** What moves a request on. */
type Event =
  | { readonly kind: 'challenge_made'; readonly challenge: string }
  | { readonly kind: 'challenge_taken' }
  | { readonly kind: 'key_verified'; readonly operator: CheckedOperator }
  | { readonly kind: 'denied' };

function next(step: Step, event: Event): Step {
  if (step.kind === 'approved' || step.kind === 'denied') return step;
  switch (event.kind) {
    case 'challenge_made':
      return { kind: 'challenged', challenge: event.challenge };
    case 'challenge_taken':
      return { kind: 'waiting' };
    case 'key_verified':
      return { kind: 'approved', operator: event.operator };
    case 'denied':
      return { kind: 'denied' };
  }
}

interface PendingRequest {
  readonly secretHash: Buffer;
  readonly code: string;
  readonly key: LoginKey;
  readonly expiresAtMs: number;
  challenges: number;
  step: Step;
}

/** What the command gets that asked. */
export interface BegunSignIn {
  readonly id: string;
  /** Only who has it can fetch the login. */
  readonly secret: string;
  /** Shown by the command and by the page. */
  readonly code: string;
  readonly url: string;
  readonly expiresAt: string;
}

/** What the page shows of a request, so that nobody approves a stranger's. */
export interface ShownSignIn {
  readonly code: string;
  /** The address from which the command asked. */
  readonly source: string;
  /** Whether the browser comes from the same network. */
  readonly sameNetwork: boolean;
}

/**
 * Sign-in of a command through a browser. The command asks with its fresh public key and shows a code; the browser,
 * on a page of the proxy, shows the same code and where the request came from, and answers a challenge with a security
 * key; the command fetches the login with a secret that the browser never sees.
 */
export class BrowserSignIn {
  readonly #securityKeys: SecurityKeys;
  readonly #logins: Logins;
  readonly #refusals: Refusals;
  readonly #publicUrl: () => string;
  readonly #clock: Clock;
  readonly #beginLimit: AttemptLimit;
  readonly #pending = new Map<string, PendingRequest>();

  constructor(parts: {
    readonly securityKeys: SecurityKeys;
    readonly logins: Logins;
    readonly refusals: Refusals;
    readonly publicUrl: () => string;
    readonly clock: Clock;
  }) {
    this.#securityKeys = parts.securityKeys;
    this.#logins = parts.logins;
    this.#refusals = parts.refusals;
    this.#publicUrl = parts.publicUrl;
    this.#clock = parts.clock;
    this.#beginLimit = new AttemptLimit(BEGIN_RATE, parts.clock);
  }

  /** Takes a request of the command. @throws `login.limited`, `login.busy`, `login.key_type`, `ssh.invalid_key`, `security_key.no_domain`. */
  begin(key: Omit<LoginKey, 'deviceProof'>): BegunSignIn {
    requireLoginKey(key.publicKey);
    this.#securityKeys.requireDomain();
    const network = networkOf(key.source);
    if (!this.#beginLimit.take(network)) throw tooManyTries(this.#beginLimit.waitMs(network));
    this.#forgetExpired();
    if (this.#pending.size >= WAITING_LIMIT) {
      throw new DrawbridgeError('login.busy', 'Too many people are signing in just now.', {
        hint: 'Try again in a few minutes, or log in with password and code.',
      });
    }
    const id = randomBytes(16).toString('base64url');
    const secret = randomBytes(32).toString('base64url');
    const code = newCode();
    const expiresAtMs = this.#clock.nowMs() + BROWSER_SIGN_IN_LIFETIME_MS;
    const step: Step = { kind: 'waiting' };
    this.#pending.set(id, { secretHash: hashOf(secret), code, key, expiresAtMs, challenges: 0, step });
    const url = new URL(`/sign-in#${id}`, this.#publicUrl()).href;
    return { id, secret, code, url, expiresAt: new Date(expiresAtMs).toISOString() };
  }

  /** What the page shows. @throws `sign_in.over`. */
  show(id: string, browserSource: string): ShownSignIn {
    const { code, key } = this.#open(id);
    return { code, source: key.source, sameNetwork: networkOf(key.source) === networkOf(browserSource) };
  }

  /** A fresh challenge for the browser; an earlier one counts no more. @throws `sign_in.over`, `security_key.no_domain`. */
  async challenge(id: string): Promise<AuthenticationOptions> {
    const options = await this.#securityKeys.authenticationOptions();
    const request = this.#open(id);
    request.challenges += 1;
    if (request.challenges > CHALLENGES_LIMIT) throw over();
    request.step = next(request.step, { kind: 'challenge_made', challenge: options.challenge });
    return options;
  }

  /** Checks the browser's answer to the challenge. @throws `sign_in.over`, and what {@link SecurityKeys.verify} throws. */
  async answer(
    id: string,
    response: AuthenticationResponseJSON,
    source: string,
  ): Promise<{ readonly username: string }> {
    const request = this.#open(id);
    if (request.step.kind !== 'challenged') throw over();
    const { challenge } = request.step;
    // Before it is checked, so that of several answers one counts.
    request.step = next(request.step, { kind: 'challenge_taken' });
    const operator = await this.#securityKeys.verify(challenge, response, source);
    request.step = next(this.#open(id).step, { kind: 'key_verified', operator });
    if (request.step.kind !== 'approved') throw over();
    return { username: request.step.operator.username };
  }

  /** The person at the page says that the request is not theirs. @throws `sign_in.over`, `audit.unavailable`. */
  async deny(id: string, source: string): Promise<void> {
    const request = this.#open(id);
    request.step = next(request.step, { kind: 'denied' });
    const { key } = request;
    await this.#refusals.add({
      type: 'operator.refused',
      reason: 'denied_in_browser',
      source: key.source,
      by: 'browser',
      deniedFrom: source,
    });
  }

  /** How the request stands, for the command. @throws `sign_in.over` also when the secret is wrong. */
  stateFor(id: string, secret: string): 'waiting' | 'approved' | 'denied' {
    const { step } = this.#owned(id, secret);
    return step.kind === 'challenged' ? 'waiting' : step.kind;
  }

  /** The login, once. @throws `sign_in.over`, and what {@link Logins.start} throws. */
  async finish(id: string, secret: string, deviceProof: string | undefined): Promise<Login> {
    const { step, key } = this.#owned(id, secret);
    if (step.kind !== 'approved') throw over();
    this.#pending.delete(id);
    // A reset of the factors between the touch of the key and now takes the sign-in with it.
    if (!(await this.#securityKeys.isHeld(step.operator))) throw over();
    return this.#logins.start(step.operator, {
      ...key,
      ...(deviceProof === undefined ? {} : { deviceProof }),
    });
  }

  #owned(id: string, secret: string): PendingRequest {
    const request = this.#find(id);
    if (request === undefined || !timingSafeEqual(request.secretHash, hashOf(secret))) throw over();
    return request;
  }

  /** A request on which the browser may still act. */
  #open(id: string): PendingRequest {
    const request = this.#find(id);
    if (request === undefined || request.step.kind === 'approved' || request.step.kind === 'denied')
      throw over();
    return request;
  }

  #find(id: string): PendingRequest | undefined {
    const request = this.#pending.get(id);
    return request !== undefined && request.expiresAtMs > this.#clock.nowMs() ? request : undefined;
  }

  /** All live equally long, and a Map keeps the order of insertion: the first is the oldest. */
  #forgetExpired(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, { expiresAtMs }] of this.#pending) {
      if (expiresAtMs > nowMs) return;
      this.#pending.delete(id);
    }
  }
}

function newCode(): string {
  const part = (): string =>
    Array.from({ length: 4 }, () => CODE_ALPHABET.charAt(randomInt(CODE_ALPHABET.length))).join('');
  return `${part()}-${part()}`;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function over(): DrawbridgeError {
  return new DrawbridgeError('sign_in.over', 'This sign-in is over, or its time has run out.', {
    hint: 'Start again with `drawbridge login`.',
  });
}
