import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { PublicJwk } from './keys.ts';
import {
  readStatement,
  refusal,
  SMALL_STATEMENT_BYTES,
  type StatementKind,
  signStatement,
  type UnverifiedStatement,
  verifyStatement,
} from './statement.ts';

/** What a device says when it proves that it holds its key. */
export interface DeviceClaims {
  /** Id of the device; `new` at its enrolment. */
  readonly iss: string;
  /** Id of the proxy. */
  readonly aud: string;
  /** The challenge that the proxy gave for this proof. */
  readonly jti: string;
  /** OpenSSH fingerprint of the login key that it vouches for. */
  readonly cnf: string;
}

/** How long a device's proof is valid; its challenge is good once. */
export const DEVICE_PROOF_LIFETIME_S = 60;

/** `iss` of a device that has no id yet. */
export const NEW_DEVICE = 'new';

const text = z.string().min(1).max(256);

const DEVICE_PROOF: StatementKind<DeviceClaims> = {
  typ: 'drawbridge-device+jwt',
  what: 'device proof',
  code: 'identity.refused',
  lifetimeS: DEVICE_PROOF_LIFETIME_S,
  claims: z.object({ iss: text, aud: text, jti: text, cnf: text }),
  limitBytes: SMALL_STATEMENT_BYTES,
};

/** Signs with the device's key that the login key `cnf` is used on it. */
export function signDeviceProof(claims: DeviceClaims, privateKey: KeyObject, clock: Clock): Promise<string> {
  return signStatement(DEVICE_PROOF, claims, privateKey, clock);
}

/** What a proof claims, not yet verified: only to look the device up. @throws `identity.refused` */
export function readDeviceProof(proof: string): UnverifiedStatement<DeviceClaims> {
  return readStatement(DEVICE_PROOF, proof);
}

/**
 * Checks a proof against the device's key and against what it has to be about. The caller spends the challenge.
 * @throws `identity.refused`, a `StatementRefused` whose `reason` is for the audit log
 */
export async function verifyDeviceProof(
  proof: UnverifiedStatement<DeviceClaims>,
  publicJwk: PublicJwk,
  expected: { readonly audience: string; readonly fingerprint: string },
  clock: Clock,
): Promise<void> {
  const claims = await verifyStatement(proof, publicJwk, clock);
  if (claims.aud !== expected.audience) throw refusal(DEVICE_PROOF, 'wrong_audience');
  if (claims.cnf !== expected.fingerprint) throw refusal(DEVICE_PROOF, 'wrong_key');
}
