import { z } from 'zod';
import { LOGIN_LIFETIME_MAX_S } from '../claims.ts';
import type { IdTokenClaims } from './id-token.ts';
import { IdTokenRefused } from './refusal.ts';

/** Groups of one operator that are taken; as many as a pass may hold. */
const GROUPS_MAX = 512;
const GROUP_MAX_CHARS = 256;
const METHODS_MAX = 32;

/** Policies make UNIX logins of user names, so only what is safe in those is allowed. */
const USERNAME_PATTERN = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

/** How a provider's claims become an operator. The proxy's and the bastion's configuration both hold one. */
export const claimRulesSchema = {
  usernameClaim: z
    .string()
    .min(1)
    .max(200)
    .default('preferred_username')
    .describe("Claim with the user name. It must be one that people can't change themselves."),
  usernameSuffix: z
    .string()
    .min(1)
    .max(200)
    .exactOptional()
    .describe('Ending that user names must have and that is cut off: `@vendor.example`.'),
  keepSuffix: z
    .boolean()
    .exactOptional()
    .describe(
      'Whether the ending stays part of the user name, so that names of several providers can not meet. At proxy and bastion alike.',
    ),
  groupsClaim: z
    .string()
    .min(1)
    .max(200)
    .default('groups')
    .describe('Claim with the groups; dots lead into nested objects: `realm_access.roles`.'),
  groupPrefix: z
    .string()
    .min(1)
    .max(64)
    .exactOptional()
    .describe('What is put before each of its groups, so that no other provider can give them: `partner/`.'),
  acrMeans: z
    .record(z.string().min(1).max(200), z.array(z.string().min(1).max(64)).max(METHODS_MAX))
    .default({})
    .meta({ title: 'names with lists' })
    .describe("Values of `acr` that stand for sign-in methods (RFC 8176): `{'urn:example:mfa': [mfa]}`."),
} as const;

export interface ClaimRules {
  readonly usernameClaim: string;
  readonly usernameSuffix?: string;
  readonly keepSuffix?: boolean;
  readonly groupsClaim: string;
  readonly groupPrefix?: string;
  readonly acrMeans: Readonly<Record<string, readonly string[]>>;
}

/** Somebody as an identity provider describes them. */
export interface ProvidedOperator {
  readonly username: string;
  readonly groups: readonly string[];
  /** RFC 8176, with what `acr` stands for. */
  readonly amr: readonly string[];
  /** When they signed in at the provider; when the token was made, if the provider does not say. Seconds. */
  readonly authTimeS: number;
}

/**
 * The operator that an ID token describes.
 * @throws {@link IdTokenRefused} `no_username`, `groups_overage`, `groups_malformed`
 */
export function operatorOf(claims: IdTokenClaims, rules: ClaimRules): ProvidedOperator {
  return {
    username: usernameOf(claims, rules),
    groups: groupsOf(claims, rules),
    amr: methodsOf(claims, rules.acrMeans),
    authTimeS: Math.min(claims.auth_time ?? claims.iat, claims.iat),
  };
}

/** When a login that a provider vouched for is over, in milliseconds since the epoch. */
export function loginEndMsFrom(authTimeS: number, maxLoginAgeMs: number): number {
  return authTimeS * 1000 + Math.min(maxLoginAgeMs, LOGIN_LIFETIME_MAX_S * 1000);
}

/** A claim by its name, which may itself hold dots, or else by its path through nested objects. */
export function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}

function usernameOf(claims: IdTokenClaims, rules: ClaimRules): string {
  const { usernameClaim, usernameSuffix = '', keepSuffix = false } = rules;
  const value = claimAt(claims, usernameClaim);
  if (typeof value !== 'string') {
    throw new IdTokenRefused('no_username', { detail: `it has no claim ${usernameClaim}` });
  }
  const { email_verified: verified } = claims as Readonly<Record<string, unknown>>;
  // Some providers write it as a text. Those that leave it out manage the addresses themselves.
  if (usernameClaim === 'email' && verified !== undefined && verified !== true && verified !== 'true') {
    throw new IdTokenRefused('no_username', { detail: 'its e-mail address is not verified' });
  }
  const lower = value.toLowerCase();
  const suffix = usernameSuffix.toLowerCase();
  if (!lower.endsWith(suffix)) {
    throw new IdTokenRefused('no_username', { detail: `its user name does not end with ${usernameSuffix}` });
  }
  const username = lower.slice(0, lower.length - suffix.length);
  // `@contoso.com` alone is nobody, whether or not it stays.
  const whole = keepSuffix && username !== '' ? lower : username;
  if (USERNAME_PATTERN.test(whole)) return whole;
  throw new IdTokenRefused('no_username', {
    detail: 'a user name has 1 to 64 letters, digits and . _ @ -, and begins with a letter or digit',
  });
}

function groupsOf(claims: IdTokenClaims, rules: ClaimRules): readonly string[] {
  const { groupsClaim: name, groupPrefix = '' } = rules;
  const value = claimAt(claims, name);
  if (value === undefined || value === null) {
    if (isOverage(claims, name)) throw new IdTokenRefused('groups_overage');
    return [];
  }
  const listed: readonly unknown[] = Array.isArray(value) ? value : [value];
  const groups = listed.filter(
    (group): group is string =>
      typeof group === 'string' && group !== '' && groupPrefix.length + group.length <= GROUP_MAX_CHARS,
  );
  if (groups.length !== listed.length || groups.length > GROUPS_MAX) {
    throw new IdTokenRefused('groups_malformed');
  }
  return [...new Set(groups.map((group) => `${groupPrefix}${group}`))];
}

/** Entra puts a reference in the place of the claim when somebody is in over 200 groups. */
function isOverage(claims: IdTokenClaims, name: string): boolean {
  const { hasgroups, _claim_names: elsewhere } = claims as Readonly<Record<string, unknown>>;
  if (hasgroups === true || hasgroups === 'true') return true;
  return typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, name);
}

function methodsOf(claims: IdTokenClaims, acrMeans: ClaimRules['acrMeans']): readonly string[] {
  const amr = claims['amr'];
  const named = (Array.isArray(amr) ? amr : [amr]).filter(
    (method): method is string => typeof method === 'string' && method !== '' && method.length <= 64,
  );
  const { acr } = claims;
  const meant = acr !== undefined && Object.hasOwn(acrMeans, acr) ? (acrMeans[acr] ?? []) : [];
  return [...new Set([...named, ...meant])].slice(0, METHODS_MAX);
}
