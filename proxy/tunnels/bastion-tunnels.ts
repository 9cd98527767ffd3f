import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import { type PublicJwk, thumbprintOf } from '../../shared/identity/keys.ts';
import type { Logger } from '../../shared/log.ts';
import { plainAddress } from '../../shared/network.ts';
import type { TunnelPeer } from '../../shared/tunnel/acceptor.ts';
import type { Duplicate } from '../../shared/tunnel/duplicate-watch.ts';
import type { IncomingStream, Tunnel, TunnelClosed } from '../../shared/tunnel/tunnel.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { Directory } from '../store/directory.ts';
import type { EnrolmentStore } from '../store/store.ts';
import { WITNESS_KIND, type Witness } from '../witness/witness.ts';
import { ConnectionLog } from './connection-log.ts';
import { HOST_KEY_KIND, type HostKeyChanges } from './host-key-change.ts';

/** What the tunnels of bastions do when they come and go: enter the directory and the audit log. */
export class BastionTunnels {
  readonly #enrolments: EnrolmentStore;
  readonly #directory: Directory;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #witness: Pick<Witness, 'handle'>;
  readonly #hostKeys: Pick<HostKeyChanges, 'handle'>;
  readonly #connections: ConnectionLog;
  readonly #log: Logger;
  /** Appends that are on their way, so that the log is not closed under them. */
  readonly #pending = new Set<Promise<void>>();

  constructor(parts: {
    readonly enrolments: EnrolmentStore;
    readonly directory: Directory;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly witness: Pick<Witness, 'handle'>;
    readonly hostKeys: Pick<HostKeyChanges, 'handle'>;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#enrolments = parts.enrolments;
    this.#directory = parts.directory;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#witness = parts.witness;
    this.#hostKeys = parts.hostKeys;
    this.#connections = new ConnectionLog(parts.audit, parts.clock);
    this.#log = parts.log;
  }

  /** The pinned key of a bastion that may dial in; nothing for one that was revoked. */
  async findPeer(id: string): Promise<(TunnelPeer & { publicJwk: PublicJwk }) | undefined> {
    const bastion = await this.#enrolments.findBastion(id);
    if (!bastion || bastion.revokedAtMs !== undefined) return undefined;
    return { id, name: bastion.name, publicJwk: bastion.publicJwk };
  }

  /**
   * Pins a bastion's new key, once the event is stored. Tunnels of the old key end: whoever held them has either moved to
   * the new one, or is not the bastion.
   * @throws `audit.unavailable`, `identity.refused` when another key was pinned meanwhile
   */
  async succeeded(
    peer: TunnelPeer,
    keys: { readonly from: PublicJwk; readonly to: PublicJwk },
  ): Promise<void> {
    await this.#audit.append({
      type: 'bastion.key_rotated',
      actor: `bastion:${peer.name}`,
      bastion: peer.name,
      bastionId: peer.id,
      from: thumbprintOf(keys.from),
      to: thumbprintOf(keys.to),
    });
    const pinned = await this.#enrolments.succeedBastion(peer.id, keys);
    const bastion = await this.findPeer(peer.id);
    // Two tunnels of one start may come at once; the second finds it done.
    if (bastion?.publicJwk.x !== keys.to.x) {
      throw new DrawbridgeError('identity.refused', 'Another key was pinned for this bastion meanwhile.');
    }
    if (pinned) await this.#directory.closeAll(peer.id, 'key.rotated', 'This bastion has a new key.');
  }

  /** A bastion has dialled in and proved its key. The tunnel is used only once the audit log says that it is there. */
  async connected(tunnel: Tunnel, peer: TunnelPeer, address: string): Promise<void> {
    let enterEnd: (why: TunnelClosed) => Promise<void>;
    try {
      enterEnd = await this.#connections.came(peer, tunnel.id, plainAddress(address));
      await this.#directory.add(peer.id, tunnel);
      // It may have been revoked since its key was looked up: from here on, revoking would find the tunnel.
      if (!(await this.findPeer(peer.id))) tunnel.close('bastion.revoked', 'This bastion was revoked.');
    } catch (error) {
      this.#log.error({ err: error, bastion: peer.name }, 'a tunnel was not taken');
      tunnel.close('tunnel.not_taken', 'The proxy cannot take tunnels just now.');
      return;
    }
    this.#log.info({ bastion: peer.name, tunnel: tunnel.id, address }, 'a bastion has connected');
    const left = (): void => {
      const why = closedReason(tunnel);
      this.#log.info({ bastion: peer.name, tunnel: tunnel.id, code: why.code }, 'a tunnel has ended');
      this.#track(enterEnd(why));
    };
    if (tunnel.signal.aborted) left();
    else tunnel.signal.addEventListener('abort', left, { once: true });
  }

  /** Somebody dialled and was not let in. */
  refused(event: { readonly address: string; readonly reason: string; readonly id?: string }): void {
    this.#track(
      this.#refusals.add({
        type: 'bastion.refused',
        reason: event.reason,
        source: plainAddress(event.address),
        ...(event.id === undefined ? {} : { claimed: event.id }),
      }),
    );
  }

  /** A bastion's key seems to have been copied: two processes dial with it. */
  duplicated({ peerId, sign, addresses }: Duplicate): void {
    this.#log.warn({ bastion: peerId, sign, addresses }, 'two processes dial with the key of one bastion');
    this.#track(
      this.#enrolments
        .findBastion(peerId)
        .then((bastion) =>
          this.#audit.append({
            type: 'bastion.duplicated',
            actor: `bastion:${bastion?.name ?? peerId}`,
            bastionId: peerId,
            sign,
            sources: addresses.map(plainAddress),
          }),
        )
        .then(() => undefined),
    );
  }

  /** A bastion asks the proxy for something: to counter-sign a checkpoint, or to pin its new host key. */
  async incoming(stream: IncomingStream, peerId: string): Promise<void> {
    const peer = await this.findPeer(peerId);
    if (stream.request.kind === WITNESS_KIND && peer !== undefined) await this.#witness.handle(stream, peer);
    else if (stream.request.kind === HOST_KEY_KIND && peer !== undefined)
      await this.#hostKeys.handle(stream, peer.id);
    else stream.refuse('stream.unknown_kind', 'This proxy offers nothing of this kind.');
  }

  /** Resolves when every event about tunnels that ended is stored. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        // What it tells has happened already: there is nothing left to refuse.
        this.#log.error({ problem: messageOf(error) }, 'an audit event about a tunnel was not stored');
      })
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }
}

function closedReason(tunnel: Tunnel): TunnelClosed {
  const reason: unknown = tunnel.signal.reason;
  if (typeof reason === 'object' && reason !== null && 'code' in reason && 'message' in reason) {
    return { code: String(reason.code), message: String(reason.message) };
  }
  return { code: 'tunnel.closed', message: 'The tunnel has ended.' };
}
