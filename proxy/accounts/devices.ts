import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import {
  type DeviceClaims,
  NEW_DEVICE,
  readDeviceProof,
  verifyDeviceProof,
} from '../../shared/identity/device-proof.ts';
import type { PublicJwk } from '../../shared/identity/keys.ts';
import { refusalReasonOf } from '../../shared/identity/refusal.ts';
import { SeenOnce } from '../../shared/identity/seen-once.ts';
import type { UnverifiedStatement } from '../../shared/identity/statement.ts';
import type { Device } from '../store/device-store.ts';
import type { Store } from '../store/store.ts';
import type { ProvenOperator } from './operators.ts';
import type { Refusals } from './refusals.ts';

/** Devices that one operator may have that are not revoked. */
export const DEVICES_PER_OPERATOR_LIMIT = 20;
/** Whoever asks for a challenge has so long to sign it: the operator types password and code meanwhile. */
const CHALLENGE_LIFETIME_MS = 5 * 60_000;
/** Spent challenges that are remembered until they expire; at the bound, new proofs are refused. */
const SPENT_LIMIT = 50_000;
const SECRET_BYTES = 32;
const NONCE_BYTES = 18;

const DEVICE_NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u;

/** Enrols the devices of operators, and checks at each login which one it comes from. */
export class Devices {
  readonly #store: Store;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #audience: string;
  readonly #clock: Clock;
  /** Challenges are signed rather than kept: asking for many costs nothing here. */
  readonly #secret = randomBytes(SECRET_BYTES);
  readonly #spent: SeenOnce;

  constructor(parts: {
    readonly store: Store;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    /** Id of this proxy. */
    readonly audience: string;
    readonly clock: Clock;
  }) {
    this.#store = parts.store;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#audience = parts.audience;
    this.#clock = parts.clock;
    this.#spent = new SeenOnce({ limit: SPENT_LIMIT, clock: parts.clock });
  }

  /** A fresh challenge for one proof; good for five minutes and once. */
  challenge(): string {
    const head = `${this.#clock.nowMs() + CHALLENGE_LIFETIME_MS}.${randomBytes(NONCE_BYTES).toString('base64url')}`;
    return `${head}.${this.#tagOf(head)}`;
  }

  /**
   * Takes in a device of an operator who is logged in. It counts for nothing until an administrator approves it.
   * @throws `device.invalid_name`, `device.refused`, `device.too_many`, `audit.unavailable`.
   */
  async enrol(
    operator: ProvenOperator,
    request: {
      readonly name: string;
      readonly publicJwk: PublicJwk;
      readonly proof: string;
      readonly source: string;
    },
  ): Promise<Device> {
    const { username, fingerprint } = operator;
    const { name, publicJwk, source } = request;
    if (!DEVICE_NAME.test(name)) {
      throw new DrawbridgeError('device.invalid_name', 'This cannot be the name of a device.', {
        hint: 'Use 1 to 64 letters, digits, spaces and . _ @ -, beginning with a letter or digit.',
      });
    }
    const proof = await this.#read(request.proof, { username, source });
    if (proof.claims.iss !== NEW_DEVICE) throw await this.#refuse('wrong_device', { username, source });
    await this.#check(proof, publicJwk, { username, fingerprint, source });
    const device: Device = {
      id: `d-${randomBytes(8).toString('hex')}`,
      username,
      name,
      publicJwk,
      enrolledAtMs: this.#clock.nowMs(),
    };
    await this.#audit.append({
      type: 'device.enrolled',
      actor: `operator:${username}`,
      operator: username,
      device: device.id,
      name,
      source,
    });
    if (!(await this.#store.devices.addDevice(device, DEVICES_PER_OPERATOR_LIMIT))) {
      throw new DrawbridgeError(
        'device.too_many',
        `You have ${DEVICES_PER_OPERATOR_LIMIT} devices already; that is the limit.`,
        { hint: 'Ask the administrator of the proxy to revoke those that are not used any more.' },
      );
    }
    await this.#store.logins.bindDevice(fingerprint, device.id);
    return device;
  }

  /**
   * Which device a login comes from. The caller has checked the operator's factors.
   * @returns the device's id, whether or not it is approved yet
   * @throws `device.revoked`, `device.refused`, `audit.unavailable`.
   */
  async prove(
    proof: string,
    login: { readonly username: string; readonly fingerprint: string; readonly source: string },
  ): Promise<string> {
    const read = await this.#read(proof, login);
    const device = await this.#store.devices.findDevice(read.claims.iss);
    if (!device || device.username !== login.username) throw await this.#refuse('unknown_device', login);
    await this.#check(read, device.publicJwk, login);
    if (device.revokedAtMs !== undefined) {
      await this.#refuse('device_revoked', login, device.id);
      throw new DrawbridgeError('device.revoked', `The device "${device.name}" has been revoked.`, {
        hint: 'If it is still yours, enrol it anew: `drawbridge device forget`, log in, `drawbridge device enroll`.',
      });
    }
    await this.#store.devices.deviceUsed(device.id, this.#clock.nowMs());
    return device.id;
  }

  async #read(
    proof: string,
    about: { readonly username: string; readonly source: string },
  ): Promise<UnverifiedStatement<DeviceClaims>> {
    try {
      return readDeviceProof(proof);
    } catch (error) {
      throw await this.#refuse(`device_proof_${refusalReasonOf(error) ?? 'malformed'}`, about);
    }
  }

  async #check(
    proof: UnverifiedStatement<DeviceClaims>,
    publicJwk: PublicJwk,
    about: { readonly username: string; readonly fingerprint: string; readonly source: string },
  ): Promise<void> {
    try {
      const expected = { audience: this.#audience, fingerprint: about.fingerprint };
      await verifyDeviceProof(proof, publicJwk, expected, this.#clock);
    } catch (error) {
      const reason = refusalReasonOf(error);
      if (reason === undefined) throw error;
      throw await this.#refuse(`device_proof_${reason}`, about);
    }
    if (!this.#spend(proof.claims.jti)) throw await this.#refuse('device_challenge', about);
  }

  #spend(challenge: string): boolean {
    const end = challenge.lastIndexOf('.');
    const head = challenge.slice(0, Math.max(end, 0));
    const given = Buffer.from(challenge.slice(end + 1));
    const expected = Buffer.from(this.#tagOf(head));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const expiresAtMs = Number(head.split('.')[0]);
    return expiresAtMs > this.#clock.nowMs() && this.#spent.add(head, expiresAtMs);
  }

  #tagOf(head: string): string {
    return createHmac('sha256', this.#secret).update(head).digest('base64url');
  }

  async #refuse(
    reason: string,
    about: { readonly username: string; readonly source: string },
    device?: string,
  ): Promise<DrawbridgeError> {
    await this.#refusals.add({
      type: 'operator.refused',
      reason,
      source: about.source,
      operator: about.username,
      by: 'device',
      ...(device === undefined ? {} : { device }),
    });
    return new DrawbridgeError('device.refused', "This device's proof was not accepted.", {
      hint: 'Check the clock of this machine. If that is right: `drawbridge device forget`, log in, and enrol it anew.',
    });
  }
}
