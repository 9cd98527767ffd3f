import { type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Clock } from '../clock.ts';

/** `typ` of an operator token's header. */
export const OPERATOR_TOKEN_TYPE = 'drawbridge-operator+jwt';
/** How long an operator token is valid. */
export const OPERATOR_TOKEN_LIFETIME_S = 60;

/** The operator's login key: itself, or whoever signs with it (an ssh-agent). */
export type OperatorSigningKey = { readonly fingerprint: string } & (
  | { readonly privateKey: KeyObject }
  | { readonly sign: (data: Buffer) => Promise<Buffer> }
);

const ID_BYTES = 16;

/**
 * Shows the role `audience` that the caller holds the operator's Ed25519 login key. Valid for 60 s and once.
 *
 * Made with Node's own cryptography: `drawbridge connect` signs one at each start of ssh, where loading the libraries
 * with which statements are checked would take longer than all the rest. The checking side takes it like any other.
 */
export async function signOperatorToken(
  key: OperatorSigningKey,
  audience: string,
  clock: Clock,
): Promise<string> {
  const iat = Math.floor(clock.nowMs() / 1000);
  const claims = {
    iss: key.fingerprint,
    aud: audience,
    jti: randomBytes(ID_BYTES).toString('base64url'),
    iat,
    exp: iat + OPERATOR_TOKEN_LIFETIME_S,
  };
  const signed = `${encoded({ alg: 'EdDSA', typ: OPERATOR_TOKEN_TYPE })}.${encoded(claims)}`;
  const bytes = Buffer.from(signed);
  const signature = 'sign' in key ? await key.sign(bytes) : sign(null, bytes, key.privateKey);
  return `${signed}.${signature.toString('base64url')}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
