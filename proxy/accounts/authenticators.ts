import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Store } from '../store/store.ts';
import type { Relays } from '../tunnels/relays.ts';
import { LinkHolders, linkRefused } from './link-holder.ts';
import { createTotpSecret, timeStepOf, totpUriOf } from './one-time-code.ts';
import { createRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts';
import type { Refusals } from './refusals.ts';
import { REGISTRATION_LINK_LIFETIME_MS } from './registration-link.ts';

/** Authenticators being set up at once; beyond it the one begun longest ago has to begin again. */
const PENDING_LIMIT = 1_000;

/** What an authenticator app is to be told. */
export interface OfferedAuthenticator {
  readonly username: string;
  /** For a QR code. */
  readonly totpUri: string;
  /** Base32, for those who type it. */
  readonly totpSecret: string;
}

/**
 * Sets up authenticators on the page, so that nobody but its owner sees the secret. The one before counts until the
 * first code of the new one was typed; then it, its recovery codes and all logins are worth nothing.
 */
export class Authenticators {
  readonly #parts: {
    readonly proxyName: string;
    readonly store: Store;
    readonly relays: Relays;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
  };
  readonly #links: LinkHolders;
  /** By the link's hash; a page that is loaded again shows the same. */
  readonly #pending = new Map<string, { readonly totpSecret: string; readonly expiresAtMs: number }>();

  constructor(parts: {
    readonly proxyName: string;
    readonly store: Store;
    readonly relays: Relays;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
  }) {
    this.#parts = parts;
    this.#links = new LinkHolders({ ...parts, purpose: 'authenticator' });
  }

  /** A new secret for whoever holds the link. @throws `registration.refused`, `audit.unavailable` */
  async begin(secret: string, source: string): Promise<OfferedAuthenticator> {
    const { username, hash } = await this.#links.holderOf(secret, source);
    const totpSecret = this.#pendingOf(hash) ?? this.#makePending(hash);
    return { username, totpSecret, totpUri: totpUriOf(this.#parts.proxyName, username, totpSecret) };
  }

  /**
   * Keeps the authenticator that has shown this code, and spends the link.
   * @throws `registration.refused`, `authenticator.wrong_code`, `audit.unavailable`: then nothing has changed
   */
  async finish(
    secret: string,
    code: string,
    source: string,
  ): Promise<{ readonly username: string; readonly recoveryCodes: readonly string[] }> {
    const { store, relays, audit, clock } = this.#parts;
    const { username, hash } = await this.#links.holderOf(secret, source);
    const totpSecret = this.#pendingOf(hash);
    const spentStep = totpSecret === undefined ? undefined : timeStepOf(totpSecret, code, clock);
    if (totpSecret === undefined || spentStep === undefined) throw wrongCode();
    const recoveryCodes = createRecoveryCodes();
    const recoveryHashes = recoveryCodes.map((one) => recoveryCodeHash(username, one));
    await audit.append({
      type: 'user.changed',
      actor: `operator:${username}`,
      user: username,
      change: 'authenticator_set_up',
      source,
    });
    const made = { username, totpSecret, spentStep, recoveryHashes };
    if (!(await store.factors.replaceAuthenticator(hash, made, clock.nowMs()))) throw linkRefused();
    this.#pending.delete(hash);
    relays.cut({ username }, 'You have set up a new authenticator. Log in again.');
    return { username, recoveryCodes };
  }

  #pendingOf(hash: string): string | undefined {
    const found = this.#pending.get(hash);
    return found !== undefined && found.expiresAtMs > this.#parts.clock.nowMs()
      ? found.totpSecret
      : undefined;
  }

  #makePending(hash: string): string {
    const totpSecret = createTotpSecret();
    const expiresAtMs = this.#parts.clock.nowMs() + REGISTRATION_LINK_LIFETIME_MS;
    this.#pending.set(hash, { totpSecret, expiresAtMs });
    const oldest = this.#pending.keys().next();
    if (this.#pending.size > PENDING_LIMIT && !oldest.done) this.#pending.delete(oldest.value);
    return totpSecret;
  }
}

function wrongCode(): DrawbridgeError {
  return new DrawbridgeError(
    'authenticator.wrong_code',
    'This is not the code that your authenticator shows.',
    {
      hint: 'Scan the picture, then type the six digits that are shown now. The clock of the phone has to be right.',
    },
  );
}
