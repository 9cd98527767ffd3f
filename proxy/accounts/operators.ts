import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { LOGIN_LIFETIME_MAX_S, type ProviderEvidence } from '../../shared/identity/claims.ts';
import type { UserCertificate } from '../../shared/ssh/certificate.ts';
import type { CertificateFault, UserCertificates } from '../certificates/user-certificates.ts';
import type { Store } from '../store/store.ts';

/** Somebody who has shown who they are, on one connection, with one key. */
export interface ProvenOperator {
  readonly username: string;
  /** OpenSSH fingerprint of the key that was used, and that the bastion will ask for again. */
  readonly fingerprint: string;
  /** What was proven (RFC 8176). */
  readonly amr: readonly string[];
  readonly authTimeMs: number;
  /** When the right to open connections ends. */
  readonly expiresAtMs: number;
  /** Id of the device whose key was proven at the login, approved or not. */
  readonly deviceId?: string;
  /** `login`: a login's short-lived key; `code`: a registered key and a one-time code on this connection;
   *  `certificate`: a certificate, and a code if one was asked for. */
  readonly by: 'login' | 'code' | 'certificate';
  /** With `certificate`: what was shown, and from which address. */
  readonly shown?: ShownCertificate;
  /** The account's epoch in which the factors were proven. */
  readonly epoch: number;
}

/** A certificate, and where it was shown: it may be for certain addresses. */
export interface ShownCertificate {
  readonly certificate: UserCertificate;
  readonly source: string;
}

/** How a certificate stands for the name that is signed in with. */
export type CertificateStanding =
  | { readonly kind: 'good'; readonly needsCode: boolean; readonly epoch: number }
  /** No certificate is accepted here. */
  | { readonly kind: 'not_accepted' }
  | {
      readonly kind: 'refused';
      readonly why: CertificateFault | 'certificate_unknown_user' | 'certificate_disabled';
    };

/** What a pass may say of an operator, from what is stored at the moment of asking. */
export interface OperatorRights {
  readonly groups: readonly string[];
  /** Id of the device, while an administrator's approval of it stands. */
  readonly device?: string;
  /** What the identity provider said at the login, for bastions that check it themselves. */
  readonly idp?: ProviderEvidence;
}

/** How a key stands. Only its holder is told more than that it is not accepted. */
export type KeyStanding =
  | { readonly kind: 'login'; readonly operator: ProvenOperator; readonly publicLine: string }
  | { readonly kind: 'registered'; readonly username: string }
  | {
      readonly kind: 'ended';
      readonly username: string;
      readonly publicLine: string;
      readonly why: EndedWhy;
    }
  | { readonly kind: 'unknown' };

/** Why a key is not good any more. */
export type EndedWhy = 'expired' | 'logged_out' | 'disabled' | 'device_revoked';

/** Says who an operator is and whether they still may, from what is stored at the moment of asking. */
export class Operators {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #certificates: UserCertificates | undefined;

  /** `lifetimeMs`: how long a connection lasts that was opened with a registered key or a certificate; cut to 8 h. */
  constructor(
    store: Store,
    clock: Clock,
    lifetimeMs = LOGIN_LIFETIME_MAX_S * 1000,
    certificates?: UserCertificates,
  ) {
    this.#certificates = certificates;
    this.#store = store;
    this.#clock = clock;
    this.#lifetimeMs = Math.min(lifetimeMs, LOGIN_LIFETIME_MAX_S * 1000);
  }

  /** When a connection ends for which the factors were proven at `authTimeMs`. */
  expiryOf(authTimeMs: number): number {
    return authTimeMs + this.#lifetimeMs;
  }

  /** What the key with this fingerprint is good for now. */
  async standingOf(fingerprint: string): Promise<KeyStanding> {
    const login = await this.#store.logins.findLogin(fingerprint);
    if (login) {
      const { username, amr, authTimeMs, expiresAtMs, deviceId, publicLine } = login;
      const device = deviceId === undefined ? undefined : await this.#store.devices.findDevice(deviceId);
      const ended = (why: EndedWhy): KeyStanding => ({ kind: 'ended', username, publicLine, why });
      if (device?.revokedAtMs !== undefined) return ended('device_revoked');
      if (login.endedAtMs !== undefined) return ended('logged_out');
      if (login.expiresAtMs <= this.#clock.nowMs()) return ended('expired');
      const account = await this.#store.accounts.findAccount(username);
      if (!account || account.disabled) return ended('disabled');
      const operator: ProvenOperator = {
        username,
        fingerprint,
        amr,
        authTimeMs,
        expiresAtMs,
        ...(deviceId === undefined ? {} : { deviceId }),
        by: 'login',
        epoch: account.epoch,
      };
      return { kind: 'login', operator, publicLine };
    }
    const key = await this.#store.accounts.findKey(fingerprint);
    if (!key) return { kind: 'unknown' };
    const { username, publicLine } = key;
    const account = await this.#store.accounts.findAccount(username);
    if (!account || account.disabled) return { kind: 'ended', username, publicLine, why: 'disabled' };
    return { kind: 'registered', username };
  }

  /** Whether this certificate lets its holder be `username` now. */
  async standingOfCertificate(
    username: string,
    { certificate, source }: ShownCertificate,
  ): Promise<CertificateStanding> {
    if (this.#certificates === undefined) return { kind: 'not_accepted' };
    const why = await this.#certificates.faultOf(certificate, { username, source });
    if (why !== undefined) return { kind: 'refused', why };
    const account = await this.#store.accounts.findAccount(username);
    if (!account) return { kind: 'refused', why: 'certificate_unknown_user' };
    if (account.disabled) return { kind: 'refused', why: 'certificate_disabled' };
    return { kind: 'good', needsCode: this.#certificates.needsCode, epoch: account.epoch };
  }

  /**
   * What a pass may say, if the operator still may open anything: connections outlive logins.
   * @throws `operator.login_ended`
   */
  async rightsOf(operator: ProvenOperator): Promise<OperatorRights> {
    const account = (await this.#holds(operator))
      ? await this.#store.accounts.findAccount(operator.username)
      : undefined;
    if (!account || account.disabled || account.epoch !== operator.epoch) {
      throw new DrawbridgeError('operator.login_ended', 'Your login has ended.', {
        hint: 'Run `drawbridge login` and try again.',
      });
    }
    const { deviceId } = operator;
    const device = deviceId === undefined ? undefined : await this.#store.devices.findDevice(deviceId);
    const approved = device?.approvedAtMs !== undefined && device.revokedAtMs === undefined;
    const idp =
      operator.by === 'login' ? await this.#store.identities.findEvidence(operator.fingerprint) : undefined;
    return {
      groups: account.groups,
      ...(approved ? { device: device.id } : {}),
      ...(idp === undefined ? {} : { idp }),
    };
  }

  /** Whether that by which the operator got in still stands. */
  async #holds(operator: ProvenOperator): Promise<boolean> {
    const { by, username, fingerprint, shown, expiresAtMs } = operator;
    if (by !== 'login' && expiresAtMs <= this.#clock.nowMs()) return false;
    if (by === 'certificate') {
      return shown !== undefined && (await this.standingOfCertificate(username, shown)).kind === 'good';
    }
    const standing = await this.standingOf(fingerprint);
    if (by === 'login') return standing.kind === 'login' && standing.operator.username === username;
    return standing.kind === 'registered' && standing.username === username;
  }
}
