import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { type PublicJwk, publicJwkSchema, thumbprintOf } from './keys.ts';
import { isNodeName, type NodeIdentity } from './node-identity.ts';
import { readStatement, refusal, type StatementKind, signStatement, verifyStatement } from './statement.ts';
import { assertIdOfKey, MAX_SUCCESSIONS } from './succession.ts';

/** The role that one has joined, as it is kept: the key is pinned from then on. */
export interface PinnedIssuer {
  readonly id: string;
  readonly name: string;
  readonly role: 'proxy' | 'bastion';
  readonly publicJwk: PublicJwk;
  /** Certificate of its own CA in PEM, when its HTTPS certificate is not from a public one. */
  readonly ca?: string;
}

const issuerSchema = z.object({
  id: z.string().min(1).max(256),
  name: z.string().refine(isNodeName),
  role: z.enum(['proxy', 'bastion']),
  publicJwk: publicJwkSchema,
  ca: z
    .string()
    .max(64 * 1024)
    .exactOptional(),
});

interface IssuerClaims extends PinnedIssuer {
  /** How its first key, from which its id follows, came to this one. */
  readonly successions?: readonly string[] | undefined;
}

const ISSUER_DOCUMENT: StatementKind<IssuerClaims> = {
  typ: 'drawbridge-issuer+jwt',
  what: "issuer's document",
  code: 'issuer.refused',
  lifetimeS: 300,
  claims: issuerSchema.extend({ successions: z.array(z.string()).max(MAX_SUCCESSIONS).optional() }),
  limitBytes: 128 * 1024,
};

/** What `GET /.well-known/drawbridge` answers: who this is, signed with the identity key. Valid for 5 minutes. */
export function signIssuerDocument(
  identity: NodeIdentity,
  role: 'proxy' | 'bastion',
  ca: string | undefined,
  clock: Clock,
): Promise<string> {
  const { id, name, publicJwk, successions } = identity;
  return signStatement(
    ISSUER_DOCUMENT,
    {
      ...{ id, name, role, publicJwk },
      ...(ca === undefined ? {} : { ca }),
      ...(successions.length === 0 ? {} : { successions }),
    },
    identity.privateKey,
    clock,
  );
}

/**
 * The issuer whose key has this thumbprint (out of a join token). Whatever carried the document, a TLS-inspecting
 * middlebox included, can't have changed it.
 * @throws `issuer.refused`, a `StatementRefused`; `wrong_issuer` when somebody else answered
 */
export async function verifyIssuerDocument(
  document: string,
  thumbprint: string,
  clock: Clock,
): Promise<PinnedIssuer> {
  const statement = readStatement(ISSUER_DOCUMENT, document);
  const { publicJwk } = statement.claims;
  if (thumbprintOf(publicJwk) !== thumbprint) throw refusal(ISSUER_DOCUMENT, 'wrong_issuer');
  const { id, name, role, ca, successions } = await verifyStatement(statement, publicJwk, clock);
  try {
    await assertIdOfKey({ role, id, publicJwk }, successions ?? []);
  } catch (error) {
    throw refusal(ISSUER_DOCUMENT, 'wrong_issuer', error);
  }
  return { id, name, role, publicJwk, ...(ca === undefined ? {} : { ca }) };
}

/**
 * Reads a {@link PinnedIssuer} that was stored earlier.
 * @returns `undefined` when `value` is none
 */
export function parsePinnedIssuer(value: unknown): PinnedIssuer | undefined {
  const parsed = issuerSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
