import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Json } from '../audit/event.ts';
import type { Clock } from '../clock.ts';
import type { PinnedIssuer } from './issuer-document.ts';
import type { JoinToken } from './join-token.ts';
import { type PublicJwk, publicJwkSchema, thumbprintOf } from './keys.ts';
import { isNodeName, type NodeIdentity } from './node-identity.ts';
import { readStatement, refusal, type StatementKind, signStatement, verifyStatement } from './statement.ts';
import { assertIdOfKey, MAX_SUCCESSIONS } from './succession.ts';

/** Further things that are told at enrolment: version, platform, target, logins, labels, … */
export type EnrolmentFields = { readonly [field: string]: Json | undefined };

/** What somebody who joins says about itself. */
export interface EnrolmentRequest {
  readonly role: 'bastion' | 'agent';
  readonly id: string;
  readonly name: string;
  readonly publicJwk: PublicJwk;
  /** OpenSSH one-line public key. */
  readonly sshHostKey: string;
  readonly fields: EnrolmentFields;
}

const ENROLMENT_LIFETIME_S = 300;
const REQUEST_LIMIT_BYTES = 48 * 1024;

const text = z.string().min(1).max(256);
const fields = z.record(z.string().max(128), z.json());

interface RequestClaims {
  /** Thumbprint of the issuer of the token. */
  readonly aud: string;
  /** The token that it belongs to: it can't be lifted into an enrolment by another one. */
  readonly kid: string;
  readonly request: EnrolmentRequest;
  /** How the joiner's first key, from which its id follows, came to this one. */
  readonly successions?: readonly string[] | undefined;
}

/** Signed with the joiner's identity key. */
const REQUEST: StatementKind<RequestClaims> = {
  typ: 'drawbridge-enrolment-request+jwt',
  what: 'enrolment',
  code: 'enrolment.refused',
  lifetimeS: ENROLMENT_LIFETIME_S,
  claims: z.object({
    aud: text,
    kid: text,
    request: z.object({
      role: z.enum(['bastion', 'agent']),
      id: text,
      name: z.string().refine(isNodeName),
      publicJwk: publicJwkSchema,
      sshHostKey: z
        .string()
        .max(1024)
        .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( [\x20-\x7e]*)?$/),
      fields,
    }),
    successions: z.array(z.string()).max(MAX_SUCCESSIONS).optional(),
  }),
  limitBytes: REQUEST_LIMIT_BYTES,
};

interface EnvelopeClaims {
  readonly aud: string;
  readonly kid: string;
  /** A {@link REQUEST}. */
  readonly request: string;
}

/** Signed with the token's key, round a request. */
const ENVELOPE: StatementKind<EnvelopeClaims> = {
  typ: 'drawbridge-enrolment+jwt',
  what: 'enrolment',
  code: 'enrolment.refused',
  lifetimeS: ENROLMENT_LIFETIME_S,
  claims: z.object({ aud: text, kid: text, request: z.string().max(REQUEST_LIMIT_BYTES) }),
  limitBytes: 2 * REQUEST_LIMIT_BYTES,
};

interface ReplyClaims {
  readonly iss: string;
  readonly aud: string;
  readonly fields: EnrolmentFields;
}

const REPLY: StatementKind<ReplyClaims> = {
  typ: 'drawbridge-enrolment-reply+jwt',
  what: 'answer to the enrolment',
  code: 'enrolment.reply_refused',
  lifetimeS: ENROLMENT_LIFETIME_S,
  claims: z.object({ iss: text, aud: text, fields }),
  limitBytes: REQUEST_LIMIT_BYTES,
};

/** An enrolment that proves possession of the token's key and of the joiner's own key. Valid for 5 minutes. */
export async function signEnrolment(
  token: JoinToken,
  identity: NodeIdentity,
  request: Pick<EnrolmentRequest, 'role' | 'sshHostKey' | 'fields'>,
  clock: Clock,
): Promise<string> {
  const { id, name, publicJwk, successions } = identity;
  const scope = { aud: token.issuerThumbprint, kid: token.kid };
  const inner = await signStatement(
    REQUEST,
    {
      ...scope,
      request: { ...request, id, name, publicJwk },
      ...(successions.length === 0 ? {} : { successions }),
    },
    identity.privateKey,
    clock,
  );
  return signStatement(ENVELOPE, { ...scope, request: inner }, token.privateKey, clock);
}

/**
 * Which token an enrolment claims to hold, not yet verified: only to look the token up.
 * @throws `enrolment.refused`
 */
export function readEnrolmentKid(proof: string): string {
  return readStatement(ENVELOPE, proof).claims.kid;
}

/**
 * Who joins. That the token is still unused and not expired is for the caller to check and to mark.
 * @throws `enrolment.refused`, a `StatementRefused` whose `reason` is for the audit log
 */
export async function verifyEnrolment(
  proof: string,
  options: { readonly tokenKey: PublicJwk; readonly issuerThumbprint: string; readonly clock: Clock },
): Promise<EnrolmentRequest> {
  const kid = thumbprintOf(options.tokenKey);
  const envelope = await verifyStatement(readStatement(ENVELOPE, proof), options.tokenKey, options.clock);
  if (!equalText(envelope.aud, options.issuerThumbprint)) throw refusal(ENVELOPE, 'wrong_audience');
  const statement = readStatement(REQUEST, envelope.request);
  const { publicJwk, id, role } = statement.claims.request;
  const inner = await verifyStatement(statement, publicJwk, options.clock);
  const sameScope = equalText(inner.kid, kid) && equalText(envelope.kid, kid) && inner.aud === envelope.aud;
  if (!sameScope) throw refusal(REQUEST, 'wrong_audience');
  // The id follows from the first key, so nobody takes the place of another.
  try {
    await assertIdOfKey({ role, id, publicJwk }, inner.successions ?? []);
  } catch (error) {
    throw refusal(REQUEST, 'wrong_issuer', error);
  }
  return inner.request;
}

/** The issuer's answer to the one who joined, with what that one needs to know. Valid for 5 minutes. */
export function signEnrolmentReply(
  identity: NodeIdentity,
  joinerId: string,
  replyFields: EnrolmentFields,
  clock: Clock,
): Promise<string> {
  return signStatement(
    REPLY,
    { iss: identity.id, aud: joinerId, fields: replyFields },
    identity.privateKey,
    clock,
  );
}

/**
 * The fields of the answer that the pinned issuer gave to `joinerId`.
 * @throws `enrolment.reply_refused`, a `StatementRefused`
 */
export async function verifyEnrolmentReply(
  reply: string,
  options: { readonly issuer: PinnedIssuer; readonly joinerId: string; readonly clock: Clock },
): Promise<EnrolmentFields> {
  const statement = readStatement(REPLY, reply);
  if (statement.claims.iss !== options.issuer.id) throw refusal(REPLY, 'wrong_issuer');
  const claims = await verifyStatement(statement, options.issuer.publicJwk, options.clock);
  if (claims.aud !== options.joinerId) throw refusal(REPLY, 'wrong_audience');
  return claims.fields;
}

function equalText(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}
