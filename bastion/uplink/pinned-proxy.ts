import type { AuditSink } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { PinnedIssuer } from '../../shared/identity/issuer-document.ts';
import { type PublicJwk, thumbprintOf } from '../../shared/identity/keys.ts';
import type { PinnedPeer } from '../../shared/tunnel/dial.ts';
import { type ProxyEnrolment, readProxyEnrolment, writeProxyEnrolment } from '../setup/enrolment-file.ts';

/** The vendor's proxy as it is pinned, which follows when the proxy gets a new key. */
export class PinnedProxy implements PinnedPeer {
  readonly #path: string;
  readonly #audit: AuditSink;
  #enrolment: ProxyEnrolment;
  #left = false;

  /** @param path where the enrolment is kept */
  constructor(enrolment: ProxyEnrolment, path: string, audit: AuditSink) {
    this.#enrolment = enrolment;
    this.#path = path;
    this.#audit = audit;
  }

  get enrolment(): ProxyEnrolment {
    return this.#enrolment;
  }

  /** False once the customer has taken the enrolment away: it signs no passes for this bastion any more. */
  get joined(): boolean {
    return !this.#left;
  }

  /** Looks whether the enrolment is still there, and of this proxy. @throws `enrolment.unreadable` */
  async look(): Promise<void> {
    const found = await readProxyEnrolment(this.#path);
    if (found?.issuer.id !== this.id) this.#left = true;
  }

  get issuer(): PinnedIssuer {
    return this.#enrolment.issuer;
  }

  get id(): string {
    return this.issuer.id;
  }

  get name(): string {
    return this.issuer.name;
  }

  get publicJwk(): PublicJwk {
    return this.issuer.publicJwk;
  }

  /**
   * @throws `enrolment.missing` when the customer has taken the enrolment away, which no proxy writes anew;
   * `audit.unavailable`, and what hinders writing. Then the old key stays pinned.
   */
  async succeed(to: PublicJwk): Promise<void> {
    const { name, id, publicJwk } = this.issuer;
    if (to.x === publicJwk.x) return;
    await this.#assertJoined();
    await this.#audit.append({
      type: 'proxy.key_rotated',
      actor: `proxy:${name}`,
      proxy: id,
      from: thumbprintOf(publicJwk),
      to: thumbprintOf(to),
      // For whoever checks, later, what the old key has counter-signed.
      fromKey: { ...publicJwk },
      toKey: { ...to },
    });
    await this.#assertJoined();
    const next = { ...this.#enrolment, issuer: { ...this.issuer, publicJwk: to } };
    await writeProxyEnrolment(this.#path, next);
    this.#enrolment = next;
  }

  async #assertJoined(): Promise<void> {
    await this.look();
    if (this.joined) return;
    throw new DrawbridgeError('enrolment.missing', 'This bastion has left the proxy, or has joined another.');
  }
}
