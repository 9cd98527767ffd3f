import { enterBeside } from '../../shared/audit/enter-beside.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Device } from '../store/device-store.ts';
import type { Store } from '../store/store.ts';
import type { Relays } from '../tunnels/relays.ts';

/** A device as the proxy's administrator sees it. */
export interface ListedDevice {
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly state: 'pending' | 'approved' | 'revoked';
  readonly enrolledAt: string;
  readonly lastUsedAt?: string;
}

/** What the proxy's administrator can do about operators' devices. Every change is an audit event before it is made. */
export class DeviceAdministration {
  readonly #store: Store;
  readonly #relays: Relays;
  readonly #audit: AuditSink;
  readonly #clock: Clock;

  constructor(parts: {
    readonly store: Store;
    readonly relays: Relays;
    readonly audit: AuditSink;
    readonly clock: Clock;
  }) {
    this.#store = parts.store;
    this.#relays = parts.relays;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
  }

  async list(): Promise<readonly ListedDevice[]> {
    return (await this.#store.devices.listDevices()).map(listed);
  }

  /** Lets passes name the device from now on. @throws `device.unknown`, `device.not_pending`. */
  async approve(actor: Actor, id: string): Promise<ListedDevice> {
    const device = await this.#device(id);
    if (stateOf(device) !== 'pending') {
      throw new DrawbridgeError('device.not_pending', `The device ${id} is ${stateOf(device)} already.`, {
        hint: 'A revoked device has to be enrolled anew.',
      });
    }
    await this.#audit.append({ type: 'device.approved', actor, operator: device.username, device: id });
    await this.#store.devices.approveDevice(id, this.#clock.nowMs());
    return listed(await this.#device(id));
  }

  /** Ends the logins of a lost device and what they have open, for good; says how many connections that were. @throws `device.unknown`, `device.not_pending`. */
  async revoke(actor: Actor, id: string): Promise<{ readonly cut: number }> {
    const device = await this.#device(id);
    if (device.revokedAtMs !== undefined)
      throw new DrawbridgeError('device.not_pending', `The device ${id} is revoked already.`);
    const event = { type: 'device.revoked', actor, operator: device.username, device: id } as const;
    const entered = enterBeside(this.#audit, event);
    await this.#store.devices.revokeDevice(id, this.#clock.nowMs());
    // By the keys and not by the device: what a login opened before it enrolled the device is the device's too.
    const fingerprints = await this.#store.logins.loginsOnDevice(id);
    const counts = fingerprints.map((fingerprint) =>
      this.#relays.cut({ fingerprint }, 'This device has been revoked.'),
    );
    await entered;
    return { cut: counts.reduce((sum, count) => sum + count, 0) };
  }

  async #device(id: string): Promise<Device> {
    const device = await this.#store.devices.findDevice(id);
    if (device) return device;
    throw new DrawbridgeError('device.unknown', `There is no device ${id}.`, {
      hint: '`drawbridge proxy device ls` lists them.',
    });
  }
}

function stateOf(device: Device): ListedDevice['state'] {
  if (device.revokedAtMs !== undefined) return 'revoked';
  return device.approvedAtMs === undefined ? 'pending' : 'approved';
}

function listed(device: Device): ListedDevice {
  const { id, username, name, enrolledAtMs, lastUsedAtMs } = device;
  return {
    id,
    username,
    name,
    state: stateOf(device),
    enrolledAt: new Date(enrolledAtMs).toISOString(),
    ...(lastUsedAtMs === undefined ? {} : { lastUsedAt: new Date(lastUsedAtMs).toISOString() }),
  };
}
