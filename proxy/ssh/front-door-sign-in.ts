import type { AuditSink, Json } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { plainText } from '../../shared/plain-text.ts';
import type { SshAuthAttempt } from '../../shared/ssh/server-connection.ts';
import type { KeyStanding, Operators, ProvenOperator, ShownCertificate } from '../accounts/operators.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { SignIn } from '../accounts/sign-in.ts';
import { amrOfKey, amrOfKeyAndCode } from './key-factors.ts';
import { certificateFields, OfferedCertificates } from './offered-certificates.ts';
import { next, type OfferedKey, type Progress, type ProvenKey, type Step } from './sign-in-progress.ts';
import { ADVICE, ENDED, sentenceFor } from './sign-in-sentences.ts';

/** What a client that is not in yet may try. */
export const SIGN_IN_METHODS: readonly string[] = ['publickey', 'keyboard-interactive'];

/** Offered keys that are told to the audit log. */
const TOLD_KEYS_LIMIT = 8;

/** What {@link FrontDoorSignIn} asks and tells. */
export interface FrontDoorSignInParts {
  readonly operators: Operators;
  readonly signIn: SignIn;
  readonly refusals: Refusals;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/**
 * Sign-in of one SSH connection. A login's key gets in by itself; a registered key is half the way, and a one-time
 * code the other half. Who somebody is follows from such a key alone: the SSH user name of this hop is not looked at,
 * since stock clients put the local account there. A certificate may be for several names, so that with one the SSH
 * user name says which account is meant.
 */
export class FrontDoorSignIn {
  readonly #parts: FrontDoorSignInParts;
  readonly #source: string;
  readonly #unknownKeys = new Set<string>();
  readonly #certificates: OfferedCertificates;
  #progress: Progress = { step: 'outside' };
  #refusalTold = false;
  #adviceGiven = false;

  constructor(parts: FrontDoorSignInParts, source: string) {
    this.#parts = parts;
    this.#source = source;
    this.#certificates = new OfferedCertificates(parts.operators, source);
  }

  /** Who is inside; nobody before the sign-in has succeeded. */
  get operator(): ProvenOperator | undefined {
    return this.#progress.step === 'inside' ? this.#progress.operator : undefined;
  }

  /** Decides one try. `say` shows a text to a client that is not inside yet. */
  async decide(attempt: SshAuthAttempt, say: (text: string) => void): Promise<void> {
    if (attempt.method === 'publickey' && attempt.key !== undefined) {
      if (attempt.key.certificate !== undefined) {
        await this.#certificateShown(attempt, attempt.key, attempt.key.certificate);
        return;
      }
      const standing = await this.#parts.operators.standingOf(attempt.key.fingerprint);
      if (attempt.key.signed) await this.#keySigned(attempt, attempt.key, standing, say);
      else this.#keyOffered(attempt, attempt.key, standing);
      return;
    }
    if (attempt.method === 'keyboard-interactive') {
      await this.#askCode(attempt, say);
      return;
    }
    attempt.reject(SIGN_IN_METHODS);
  }

  /** The connection has ended: somebody who had only keys that are not known here is told to the audit log. */
  async closed(): Promise<void> {
    if (this.#progress.step !== 'outside') return;
    if (this.#unknownKeys.size > 0) await this.#tellUnknownKeys();
    await this.#tellForeignCertificates();
  }

  /** Refuses without a word about why, as with a key that is not known: anyone can show a certificate. */
  async #certificateShown(
    attempt: SshAuthAttempt,
    key: OfferedKey,
    certificate: ShownCertificate['certificate'],
  ): Promise<void> {
    const sshUser = attempt.username;
    const answer = await this.#certificates.judge(sshUser, key, certificate);
    if (answer.kind === 'refused') {
      if (answer.tell !== undefined) {
        const { reason, about } = answer.tell;
        await this.#refuse(reason, { ...about, sshUser: plainText(sshUser) });
      }
      attempt.reject(SIGN_IN_METHODS);
      return;
    }
    if (!key.signed) {
      attempt.accept();
      return;
    }
    const proven: ProvenKey = { sshUser, username: sshUser, key, shown: answer.shown };
    if (answer.needsCode) {
      this.#move({ kind: 'code_needed', proven });
      attempt.reject(['keyboard-interactive'], true);
      return;
    }
    const operator = await this.#signedIn(proven, {
      amr: amrOfKey(key),
      epoch: answer.epoch,
      recovery: false,
    });
    this.#move({ kind: 'certificate_signed', operator });
    attempt.accept();
  }

  #keyOffered(attempt: SshAuthAttempt, key: OfferedKey, standing: KeyStanding): void {
    if (standing.kind === 'unknown') {
      this.#noteUnknown(key);
      attempt.reject(SIGN_IN_METHODS);
      return;
    }
    // Also for a login that has ended: that it has ended is told only to who can sign.
    attempt.accept();
  }

  async #keySigned(
    attempt: SshAuthAttempt,
    key: OfferedKey,
    standing: KeyStanding,
    say: (text: string) => void,
  ): Promise<void> {
    switch (standing.kind) {
      case 'login':
        this.#move({ kind: 'login_key_signed', operator: standing.operator });
        attempt.accept();
        return;
      case 'registered':
        this.#move({
          kind: 'code_needed',
          proven: { sshUser: attempt.username, username: standing.username, key },
        });
        attempt.reject(['keyboard-interactive'], true);
        return;
      case 'ended':
        await this.#refuse(`login_${standing.why}`, {
          operator: standing.username,
          fingerprint: key.fingerprint,
        });
        say(`${ENDED[standing.why]}\r\n`);
        attempt.reject(SIGN_IN_METHODS);
        return;
      case 'unknown':
        this.#noteUnknown(key);
        attempt.reject(SIGN_IN_METHODS);
    }
  }

  async #askCode(attempt: SshAuthAttempt, say: (text: string) => void): Promise<void> {
    const progress = this.#progress;
    if (progress.step !== 'key_proven' || progress.sshUser !== attempt.username) {
      // Stock clients come here when they have no key left to offer.
      await this.#tellUnknownKeys();
      await this.#tellForeignCertificates();
      if (!this.#adviceGiven) say(ADVICE);
      this.#adviceGiven = true;
      attempt.reject(SIGN_IN_METHODS);
      return;
    }
    const code = await attempt.prompt('Code: ', false);
    if (code === undefined) {
      attempt.reject(['keyboard-interactive']);
      return;
    }
    const { username, key } = progress;
    const result = await this.#parts.signIn.withCode({ username, code, address: this.#source });
    if (!result.ok) {
      await this.#refuse(result.reason, { operator: username, fingerprint: key.fingerprint });
      say(`${sentenceFor(result)}\r\n`);
      attempt.reject(['keyboard-interactive']);
      return;
    }
    const operator = await this.#signedIn(progress, {
      amr: amrOfKeyAndCode(key),
      epoch: result.account.epoch,
      recovery: result.recovery,
    });
    this.#move({ kind: 'code_accepted', operator });
    attempt.accept();
  }

  /** Tells the audit log who is in, and by what. */
  async #signedIn(
    { username, key, shown }: ProvenKey,
    facts: { readonly amr: readonly string[]; readonly epoch: number; readonly recovery: boolean },
  ): Promise<ProvenOperator> {
    const { amr, epoch, recovery } = facts;
    const authTimeMs = this.#parts.clock.nowMs();
    const expiresAtMs = this.#parts.operators.expiryOf(authTimeMs);
    const { fingerprint } = key;
    const by = shown === undefined ? 'code' : 'certificate';
    await this.#parts.audit.append({
      type: 'operator.signed_in',
      actor: `operator:${username}`,
      operator: username,
      by,
      source: this.#source,
      amr,
      fingerprint,
      ...(shown === undefined ? {} : certificateFields(shown.certificate)),
      ...(recovery ? { recoveryCode: true } : {}),
    });
    const proven = { username, fingerprint, amr, authTimeMs, epoch, by } as const;
    if (shown === undefined) return { ...proven, expiresAtMs };
    const validBeforeMs = Number(shown.certificate.validBeforeS) * 1000;
    return { ...proven, expiresAtMs: Math.min(expiresAtMs, validBeforeMs), shown };
  }

  #move(step: Step): void {
    this.#progress = next(this.#progress, step);
  }

  #noteUnknown(key: OfferedKey): void {
    if (this.#unknownKeys.size < TOLD_KEYS_LIMIT) this.#unknownKeys.add(key.fingerprint);
  }

  async #tellUnknownKeys(): Promise<void> {
    if (this.#refusalTold) return;
    await this.#refuse(this.#unknownKeys.size > 0 ? 'unknown_key' : 'no_key', {
      fingerprints: [...this.#unknownKeys],
    });
  }

  async #tellForeignCertificates(): Promise<void> {
    for (const { reason, about } of this.#certificates.untold()) await this.#refuse(reason, about);
  }

  async #refuse(reason: string, about: { readonly [field: string]: Json }): Promise<void> {
    this.#refusalTold = true;
    await this.#parts.refusals.add({
      type: 'operator.refused',
      reason,
      source: this.#source,
      by: 'ssh',
      ...about,
    });
  }
}
