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
