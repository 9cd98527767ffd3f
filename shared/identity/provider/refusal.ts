import { DrawbridgeError } from '../../errors.ts';

/** Why an ID token was not believed. Stable words: `id_token.` and one of them stands in audit events. */
export type IdTokenFault =
  | 'missing'
  | 'too_large'
  | 'malformed'
  | 'algorithm'
  | 'wrong_issuer'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_audience'
  | 'not_yet_valid'
  | 'expired'
  | 'login_too_old'
  | 'not_bound'
  | 'other_key'
  | 'subject_mismatch'
  | 'no_username'
  | 'groups_overage'
  | 'groups_malformed'
  | 'keys_unavailable'
  | 'keys_too_old';

const MEANING: Readonly<Record<IdTokenFault, string>> = {
  missing: 'there is none',
  too_large: 'it is larger than is allowed',
  malformed: 'it is not well formed',
  algorithm: 'its signature algorithm is not allowed',
  wrong_issuer: 'no identity provider that is trusted here made it',
  unknown_key: 'it names a key that the identity provider does not publish',
  bad_signature: "its signature does not fit the identity provider's key",
  wrong_audience: 'it was made for another application',
  not_yet_valid: 'it is from the future',
  expired: 'it has expired',
  login_too_old: 'the sign-in that it speaks of is too long ago',
  not_bound: 'its nonce does not commit to the key of this login',
  other_key: 'it was made for another key than the one that may authenticate',
  subject_mismatch: 'it speaks of another operator',
  no_username: 'it holds no user name that can be used',
  groups_overage: 'the identity provider left the groups out because there are too many',
  groups_malformed: 'its groups are not a text or a list of texts, or are too many',
  keys_unavailable: "the identity provider's keys can't be had",
  keys_too_old: "the identity provider's keys were not renewed for too long",
};

const HINT: Partial<Record<IdTokenFault, string>> = {
  not_yet_valid: 'Check the clocks of both machines (NTP).',
  groups_overage:
    'Let the identity provider send only the groups that are assigned to this application, or a claim with few values.',
};

/** An ID token was refused, or could not be checked. */
export class IdTokenRefused extends DrawbridgeError {
  readonly fault: IdTokenFault;

  constructor(fault: IdTokenFault, options: { readonly detail?: string; readonly cause?: unknown } = {}) {
    const { detail, cause } = options;
    const more = detail === undefined ? '' : ` (${detail})`;
    const hint = HINT[fault];
    super(`id_token.${fault}`, `The ID token was refused: ${MEANING[fault]}${more}.`, {
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = 'IdTokenRefused';
    this.fault = fault;
  }
}
