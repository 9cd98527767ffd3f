/** How people call what was proven at a sign-in (RFC 8176, and the `uv` of WebAuthn). */
const WORDS: Readonly<Record<string, string>> = {
  pwd: 'password',
  otp: 'one-time code',
  swk: 'key in a file or agent',
  hwk: 'hardware key',
  user: 'touch of the key',
  uv: 'PIN, finger or face',
  fpt: 'fingerprint',
  face: 'face',
  pin: 'PIN',
  sms: 'text message',
  fed: 'another provider',
};

/** What says how a key was used, and is no factor beside it. */
const OF_A_KEY: ReadonlySet<string> = new Set(['user']);

/** `password, one-time code (two factors)`: the methods of a sign-in in words; those that have none as they are. */
export function factorsText(amr: readonly string[]): string {
  const methods = amr.filter((method) => method !== 'mfa').map((method) => wordOf(method));
  if (methods.length === 0) return amr.includes('mfa') ? 'several factors' : '';
  const several = amr.includes('mfa') || new Set(amr.filter((method) => !OF_A_KEY.has(method))).size > 1;
  return `${methods.join(', ')} (${several ? 'two factors' : 'one factor'})`;
}

function wordOf(method: string): string {
  return (Object.hasOwn(WORDS, method) ? WORDS[method] : undefined) ?? method;
}
