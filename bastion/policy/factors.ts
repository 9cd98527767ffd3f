/** Methods of RFC 8176 that are a factor of their own. */
const FACTORS = new Set([
  'pwd',
  'pin',
  'otp',
  'hwk',
  'swk',
  'pop',
  'sc',
  'sms',
  'tel',
  'fpt',
  'face',
  'iris',
  'retina',
  'vbm',
]);

/** True when `amr` (RFC 8176) says that more than one factor was used. */
export function isMultiFactor(amr: readonly string[]): boolean {
  if (amr.includes('mfa')) return true;
  return new Set(amr.filter((method) => FACTORS.has(method))).size >= 2;
}

/** Methods of RFC 8176 that check the person, and `uv`: our proxy's word for WebAuthn's flag "user verified". */
const CHECKS_OF_THE_PERSON = new Set(['uv', 'fpt', 'face', 'iris', 'retina', 'vbm']);

/**
 * True when `amr` says that the person was checked, not only that somebody was there. `user` alone does not count: in
 * RFC 8176 it is the test of presence. A PIN counts together with the key that it unlocks.
 */
export function isUserVerified(amr: readonly string[]): boolean {
  if (amr.some((method) => CHECKS_OF_THE_PERSON.has(method))) return true;
  return amr.includes('pin') && ['hwk', 'swk', 'sc'].some((method) => amr.includes(method));
}
