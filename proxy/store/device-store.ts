import type { PublicJwk } from '../../shared/identity/keys.ts';

/** A machine of an operator, known by a key that was made on it. */
export interface Device {
  /** `d-…` */
  readonly id: string;
  readonly username: string;
  /** What the operator calls it. */
  readonly name: string;
  readonly publicJwk: PublicJwk;
  readonly enrolledAtMs: number;
  /** Set once an administrator has approved it. */
  readonly approvedAtMs?: number;
  /** Set once it is lost; there is no way back. */
  readonly revokedAtMs?: number;
  readonly lastUsedAtMs?: number;
}

/** Devices of operators. */
export interface DeviceStore {
  /** False when the user has `limit` devices that are not revoked. */
  addDevice(device: Device, limit: number): Promise<boolean>;
  findDevice(id: string): Promise<Device | undefined>;
  listDevices(): Promise<readonly Device[]>;
  /** False when it is not waiting for approval. */
  approveDevice(id: string, nowMs: number): Promise<boolean>;
  /** Revokes the device and ends the logins made with it in one step. False when it was revoked already. */
  revokeDevice(id: string, nowMs: number): Promise<boolean>;
  deviceUsed(id: string, nowMs: number): Promise<void>;
}
