import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { CLOCK_SKEW_S, LOGIN_LIFETIME_MAX_S, PASS_LIFETIME_S, type PassClaims } from './claims.ts';
import type { PublicJwk } from './keys.ts';
import type { NodeIdentity } from './node-identity.ts';
import { keyCommitmentSchema } from './provider/key-commitment.ts';

import {
  readStatement,
  refusal,
  rememberUntilMs,
  type StatementKind,
  signStatement,
  verifyStatementByAny,
} from './statement.ts';

type PassBody = Omit<PassClaims, 'iat' | 'exp'>;

const text = z.string().min(1).max(256);

/** Names end up on terminals, in `who` and in variables of hosts: a taken-over proxy must not write to these. */
const name = z.string().regex(/^[^\p{C}\p{Z}]{1,256}$/u);

/** Longer ID tokens are no part of a pass; the limit for those that are believed is lower and has a reason of its own. */
const ID_TOKEN_LOOKED_AT_BYTES = 32 * 1024;

const PASS: StatementKind<PassBody> = {
  typ: 'drawbridge-pass+jwt',
  what: 'pass',
  code: (reason) => `pass.${reason}`,
  lifetimeS: PASS_LIFETIME_S,
  claims: z.object({
    iss: text,
    sub: name,
    aud: text,
    jti: text,
    groups: z.array(text).max(512),
    amr: z.array(text).max(32),
    auth_time: z.int().nonnegative(),
    login_exp: z.int().nonnegative().exactOptional(),
    device: name.exactOptional(),
    idp: keyCommitmentSchema
      .extend({ id_token: z.string().min(1).max(ID_TOKEN_LOOKED_AT_BYTES) })
      .exactOptional(),
    cnf: z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/),
  }),
  limitBytes: 64 * 1024,
};

/** An id for a pass, by which both ends know later which connection it was for. */
export function createPassId(): string {
  return randomBytes(16).toString('base64url');
}

/** The proxy's statement of who an operator is, for one stream to one bastion. Valid for 60 s and once. */
export function signPass(
  identity: NodeIdentity,
  claims: Omit<PassClaims, 'iss' | 'iat' | 'exp' | 'jti'> & { readonly jti?: string },
  clock: Clock,
): Promise<string> {
  const { jti = createPassId(), ...rest } = claims;
  return signStatement(PASS, { ...rest, iss: identity.id, jti }, identity.privateKey, clock);
}

/** Who signs passes: id and pinned keys. While a key is being replaced there are several, each of which counts. */
export interface PassIssuer {
  readonly id: string;
  readonly publicJwk: PublicJwk;
  readonly otherPublicJwks?: readonly PublicJwk[];
}

/** Where it is noted that a pass was used. */
export interface PassMemory {
  /** Notes the id until then (milliseconds since the epoch). False, and then refuse, when it may have been used. */
  add(id: string, expiresAtMs: number): boolean | Promise<boolean>;
}

/**
 * The claims of a pass that the pinned `issuer` made for `audience`, here seen for the first time.
 * @throws `pass.malformed`, `pass.too_large`, `pass.wrong_type`, `pass.wrong_issuer`, `pass.bad_signature`,
 * `pass.wrong_audience`, `pass.too_long`, `pass.not_yet_valid`, `pass.expired`, `pass.login_expired`, `pass.replayed`
 */
export async function verifyPass(
  token: string,
  options: {
    readonly issuer: PassIssuer;
    /** Id of the bastion. */
    readonly audience: string;
    readonly seen: PassMemory;
    readonly clock: Clock;
  },
): Promise<PassClaims> {
  const statement = readStatement(PASS, token);
  if (statement.claims.iss !== options.issuer.id) throw refusal(PASS, 'wrong_issuer');
  const { publicJwk, otherPublicJwks = [] } = options.issuer;
  const claims = await verifyStatementByAny(statement, [publicJwk, ...otherPublicJwks], options.clock);
  if (claims.aud !== options.audience) throw refusal(PASS, 'wrong_audience');
  if (claims.auth_time > claims.iat + CLOCK_SKEW_S) throw refusal(PASS, 'not_yet_valid');
  if (options.clock.nowMs() >= loginEndMsOf(claims)) throw refusal(PASS, 'login_expired');
  const isNew = await options.seen.add(`${claims.iss} ${claims.jti}`, rememberUntilMs(claims));
  if (!isNew) throw refusal(PASS, 'replayed');
  return claims;
}

/** When what the login allows is over at the latest, in milliseconds since the epoch. */
export function loginEndMsOf(claims: Pick<PassClaims, 'auth_time' | 'login_exp'>): number {
  const latest = claims.auth_time + LOGIN_LIFETIME_MAX_S;
  return Math.min(latest, claims.login_exp ?? latest) * 1000;
}
