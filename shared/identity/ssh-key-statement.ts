import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { PublicJwk } from './keys.ts';
import type { NodeIdentity } from './node-identity.ts';
import {
  readStatement,
  refusal,
  SMALL_STATEMENT_BYTES,
  type StatementKind,
  signStatement,
  verifyStatement,
} from './statement.ts';

/** What an SSH key of a role is for: its SSH server, or signing in elsewhere. */
export type SshKeyUse = 'host' | 'client';

interface SshKeyClaims {
  readonly iss: string;
  readonly aud: string;
  readonly use: SshKeyUse;
  readonly key: string;
}

const id = z.string().min(1).max(128);

const SSH_KEY: StatementKind<SshKeyClaims> = {
  typ: 'drawbridge-ssh-key+jwt',
  what: 'statement of an SSH key',
  code: 'identity.refused',
  lifetimeS: 60,
  claims: z.object({
    iss: id,
    aud: id,
    use: z.enum(['host', 'client']),
    key: z
      .string()
      .max(1024)
      .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( [\x20-\x7e]*)?$/),
  }),
  limitBytes: SMALL_STATEMENT_BYTES,
};

/**
 * A role's word to a peer (`audience`) that this is its SSH key now: one OpenSSH line. Signed with the identity key that
 * the peer has pinned, since whatever carries the tunnel could put another line in its place.
 */
export function signSshKey(
  identity: NodeIdentity,
  said: { readonly audience: string; readonly use: SshKeyUse; readonly key: string },
  clock: Clock,
): Promise<string> {
  const { audience, use, key } = said;
  return signStatement(SSH_KEY, { iss: identity.id, aud: audience, use, key }, identity.privateKey, clock);
}

/**
 * The SSH key that the pinned `issuer` states for this use.
 * @throws `identity.refused`, a `StatementRefused`
 */
export async function verifySshKey(
  token: string,
  expected: {
    readonly issuer: { readonly id: string; readonly publicJwk: PublicJwk };
    readonly audience: string;
    readonly use: SshKeyUse;
    readonly clock: Clock;
  },
): Promise<string> {
  const statement = readStatement(SSH_KEY, token);
  if (statement.claims.iss !== expected.issuer.id) throw refusal(SSH_KEY, 'wrong_issuer');
  const claims = await verifyStatement(statement, expected.issuer.publicJwk, expected.clock);
  if (claims.aud !== expected.audience) throw refusal(SSH_KEY, 'wrong_audience');
  if (claims.use !== expected.use) throw refusal(SSH_KEY, 'wrong_type');
  return claims.key;
}
