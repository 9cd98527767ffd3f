import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import { type PassIssuer, verifyPass } from '../../shared/identity/pass.ts';
import { FetchedKeys } from '../../shared/identity/provider/fetched-keys.ts';
import type { ProviderKeys } from '../../shared/identity/provider/id-token.ts';
import { KeyFile } from '../../shared/identity/provider/key-file.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import type { TrustedProvider } from './config.ts';
import { IdentityTrust } from './identity-trust.ts';
import { SeenPasses } from './seen-passes.ts';

/** Checks a pass, once, and says what counts about its operator. @throws `pass.*`, `id_token.*` */
export type PassCheck = (token: string) => Promise<PassClaims>;

/** What {@link openPassCheck} is built from. */
export interface PassCheckParts {
  /** Id of this bastion. */
  readonly audience: string;
  /** Whoever signs passes at the moment of asking; undefined: this bastion has joined no proxy. */
  readonly issuer: () => PassIssuer | undefined;
  readonly trust: 'proxy' | 'idp';
  readonly providers: readonly TrustedProvider[];
  readonly dataDir: string;
  readonly egress: () => Egress;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * How passes are checked here: the proxy's signature always, and with `trust: idp` the identity provider's as well.
 * @throws `trust.no_provider`, `idp.keys_unreadable`, `idp.bad_keys`, `egress.*`
 */
export async function openPassCheck(parts: PassCheckParts): Promise<PassCheck> {
  const { audience, clock } = parts;
  const seen = new SeenPasses(parts.database, clock);
  const check = async (token: string): Promise<PassClaims> => {
    const issuer = parts.issuer();
    if (issuer === undefined) {
      throw new DrawbridgeError('pass.wrong_issuer', 'This bastion has joined no proxy.');
    }
    return verifyPass(token, { issuer, audience, seen, clock });
  };
  if (parts.trust === 'proxy') return check;
  const identity = await openIdentityTrust(parts);
  return async (token) => identity.check(await check(token));
}

async function openIdentityTrust(parts: PassCheckParts): Promise<IdentityTrust> {
  if (parts.providers.length === 0) {
    throw new DrawbridgeError('trust.no_provider', "'trust: idp' needs an identity provider to trust.", {
      hint: "Name its issuer and client id under 'idp' in bastion.yaml.",
    });
  }
  const providers = await Promise.all(
    parts.providers.map(async ({ keys, maxLoginAge: maxLoginAgeMs, ...rest }) => ({
      ...rest,
      maxLoginAgeMs,
      keys: await openKeys(rest.issuer, keys, parts),
    })),
  );
  return new IdentityTrust({ providers, clock: parts.clock });
}

async function openKeys(
  issuer: string,
  keys: TrustedProvider['keys'],
  { dataDir, egress, clock, log }: PassCheckParts,
): Promise<ProviderKeys> {
  if (keys.file !== undefined) return KeyFile.open(keys.file);
  const folder = join(dataDir, 'identity-providers');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const cachePath = join(folder, `${createHash('sha256').update(issuer).digest('hex').slice(0, 16)}.json`);
  return FetchedKeys.open({ issuer, egress: egress(), maxAgeMs: keys.maxAge, cachePath, clock, log });
}
