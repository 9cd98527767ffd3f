import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { PublicJwk } from './keys.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { SeenOnce } from './seen-once.ts';
import {
  readStatement,
  refusal,
  rememberUntilMs,
  SMALL_STATEMENT_BYTES,
  type StatementKind,
  signStatement,
  verifyStatement,
} from './statement.ts';

interface DialClaims {
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
  /** Which process of the dialler dials; made up anew by each. */
  readonly instance?: string | undefined;
}

const id = z.string().min(1).max(128);
const claims = z.object({ iss: id, aud: id, jti: id, instance: z.string().min(1).max(64).optional() });

const DIAL_LIFETIME_S = 60;

const DIAL_TOKEN: StatementKind<DialClaims> = {
  typ: 'drawbridge-dial+jwt',
  what: 'dial token',
  code: 'identity.refused',
  lifetimeS: DIAL_LIFETIME_S,
  claims,
  limitBytes: SMALL_STATEMENT_BYTES,
};

const DIAL_PROOF: StatementKind<DialClaims> = {
  ...DIAL_TOKEN,
  typ: 'drawbridge-dial-proof+jwt',
  what: 'dial proof',
};

/**
 * A token with which `identity` dials the role with the id `audience`. Valid for 60 s and once.
 * @param instance which process dials, so that a copied key is noticed
 */
export async function signDialToken(
  identity: NodeIdentity,
  audience: string,
  clock: Clock,
  instance?: string,
): Promise<{ token: string; jti: string }> {
  const jti = randomBytes(16).toString('base64url');
  const token = await signStatement(
    DIAL_TOKEN,
    { iss: identity.id, aud: audience, jti, ...(instance === undefined ? {} : { instance }) },
    identity.privateKey,
    clock,
  );
  return { token, jti };
}

/**
 * Who dials: the id in a dial token whose signature fits the key that `findKey` knows for it.
 * @throws `identity.refused`, a `StatementRefused` whose `reason` is for the audit log
 */
export async function verifyDialToken(
  token: string,
  options: {
    /** Id of the one who is dialled. */
    readonly audience: string;
    findKey(id: string): Promise<PublicJwk | undefined>;
    readonly seen: SeenOnce;
    readonly clock: Clock;
  },
): Promise<{ id: string; jti: string; instance?: string }> {
  const statement = readStatement(DIAL_TOKEN, token);
  const publicJwk = await options.findKey(statement.claims.iss);
  if (publicJwk === undefined) throw refusal(DIAL_TOKEN, 'unknown_issuer');
  const dial = await verifyStatement(statement, publicJwk, options.clock);
  if (dial.aud !== options.audience) throw refusal(DIAL_TOKEN, 'wrong_audience');
  if (!options.seen.add(`${dial.iss} ${dial.jti}`, rememberUntilMs(dial)))
    throw refusal(DIAL_TOKEN, 'replayed');
  return {
    id: dial.iss,
    jti: dial.jti,
    ...(dial.instance === undefined ? {} : { instance: dial.instance }),
  };
}

/** The answer to a dial token with the id `jti`: shows the dialler (`audience`) who accepted. Valid for 60 s. */
export function signDialProof(
  identity: NodeIdentity,
  audience: string,
  jti: string,
  clock: Clock,
): Promise<string> {
  return signStatement(DIAL_PROOF, { iss: identity.id, aud: audience, jti }, identity.privateKey, clock);
}

/**
 * Checks that the pinned `peer` answered this very dial (`jti`) of ours (`audience`).
 * @throws `identity.refused`, a `StatementRefused`
 */
export async function verifyDialProof(
  proof: string,
  peer: { readonly id: string; readonly publicJwk: PublicJwk },
  options: { readonly audience: string; readonly jti: string; readonly clock: Clock },
): Promise<void> {
  const statement = readStatement(DIAL_PROOF, proof);
  if (statement.claims.iss !== peer.id) throw refusal(DIAL_PROOF, 'wrong_issuer');
  const answer = await verifyStatement(statement, peer.publicJwk, options.clock);
  if (answer.aud !== options.audience) throw refusal(DIAL_PROOF, 'wrong_audience');
  // Another dial's answer, replayed.
  if (answer.jti !== options.jti) throw refusal(DIAL_PROOF, 'replayed');
}
