import type { Clock } from '../../shared/clock.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import { sshFingerprintOf } from '../../shared/identity/keys.ts';
import { type ClaimRules, loginEndMsFrom, operatorOf } from '../../shared/identity/provider/claim-rules.ts';
import {
  type ProviderKeys,
  readIdTokenIssuer,
  verifyIdToken,
} from '../../shared/identity/provider/id-token.ts';
import { nonceOf } from '../../shared/identity/provider/key-commitment.ts';
import type { IdTokenAlgorithm } from '../../shared/identity/provider/key-set.ts';
import { IdTokenRefused } from '../../shared/identity/provider/refusal.ts';

/** An identity provider that the customer trusts, and by which rules. */
export interface ProviderTrust extends ClaimRules {
  readonly issuer: string;
  readonly clientId: string;
  readonly algorithms: readonly IdTokenAlgorithm[];
  readonly keys: ProviderKeys;
  /** How long ago the operator may have signed in there. */
  readonly maxLoginAgeMs: number;
}

/**
 * Takes an operator's identity from the provider's own signature, and nothing of it from the proxy that hands it on:
 * not the name, not the groups, not the sign-in methods, not the time. What stays the proxy's word is the trusted
 * device and the source address.
 */
export class IdentityTrust {
  readonly #providers: readonly ProviderTrust[];
  readonly #clock: Clock;

  constructor(options: { readonly providers: readonly ProviderTrust[]; readonly clock: Clock }) {
    this.#providers = options.providers;
    this.#clock = options.clock;
  }

  /**
   * What the provider says, in the place of what the pass says.
   * @param pass a pass whose signature, audience and times are checked
   * @throws {@link IdTokenRefused} `id_token.*`
   */
  async check(pass: PassClaims): Promise<PassClaims> {
    const { idp: evidence, ...stated } = pass;
    if (evidence === undefined) throw new IdTokenRefused('missing');
    if (sshFingerprintOf(evidence.jwk) !== pass.cnf) throw new IdTokenRefused('other_key');
    const issuer = readIdTokenIssuer(evidence.id_token);
    const provider = this.#providers.find((trusted) => trusted.issuer === issuer);
    if (provider === undefined) throw new IdTokenRefused('wrong_issuer');
    const claims = await verifyIdToken(evidence.id_token, {
      ...provider,
      clock: this.#clock,
      expiry: 'may_be_over',
    });
    if (claims.nonce !== nonceOf(evidence)) throw new IdTokenRefused('not_bound');
    const operator = operatorOf(claims, provider);
    const endMs = loginEndMsFrom(operator.authTimeS, provider.maxLoginAgeMs);
    if (this.#clock.nowMs() >= endMs) throw new IdTokenRefused('login_too_old');
    if (operator.username !== pass.sub) throw new IdTokenRefused('subject_mismatch');
    return {
      ...stated,
      sub: operator.username,
      groups: operator.groups,
      amr: operator.amr,
      auth_time: operator.authTimeS,
      login_exp: Math.min(Math.floor(endMs / 1000), pass.login_exp ?? Number.MAX_SAFE_INTEGER),
      vouched_by: { issuer: claims.iss, subject: claims.sub },
    };
  }
}
