import type { PublicJwk } from './keys.ts';

/** Claims of a pass: the proxy's signed statement of who an operator is, for one stream to one bastion. */
export interface PassClaims {
  /** Id of the proxy that signed. */
  readonly iss: string;
  /** The operator's user name. */
  readonly sub: string;
  /** Id of the bastion that it is for. */
  readonly aud: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  /** Seconds since the epoch; at most {@link PASS_LIFETIME_S} after `iat`. */
  readonly exp: number;
  /** Seen once. */
  readonly jti: string;
  readonly groups: readonly string[];
  /** How the operator signed in (RFC 8176): `pwd`, `otp`, `hwk`, `user`, `mfa`, … */
  readonly amr: readonly string[];
  /** When the operator signed in, seconds since the epoch. */
  readonly auth_time: number;
  /** When the login ends, seconds since the epoch, if the proxy lets it end before 8 h are over. */
  readonly login_exp?: number;
  /** Trusted device, when there is one. */
  readonly device?: string;
  /** OpenSSH fingerprint (`SHA256:…`) of the only key that may authenticate on this stream. */
  readonly cnf: string;
  /** What the identity provider itself said at the login, when the operator signed in with one. */
  readonly idp?: ProviderEvidence;
  /** The provider whose signature the bastion has checked itself. Never in a pass: only the bastion sets it. */
  readonly vouched_by?: { readonly issuer: string; readonly subject: string };
}

/** An identity provider's own statement about an operator, which commits to the key of the login. */
export interface ProviderEvidence {
  readonly id_token: string;
  /** The public half of the login's key, and the salt: together they give the ID token's `nonce`. */
  readonly jwk: PublicJwk;
  readonly salt: string;
}

/** Longest life of a pass. */
export const PASS_LIFETIME_S = 60;

/** How far clocks of two roles may be apart. */
export const CLOCK_SKEW_S = 30;

/** Longest life of an operator's login. */
export const LOGIN_LIFETIME_MAX_S = 8 * 3600;

/** Life of a join token. */
export const JOIN_TOKEN_LIFETIME_S = 30 * 60;
