/**
 * True when `text` is the one and only base64url form (RFC 4648, unpadded) of some bytes, `byteCount` of them if
 * given. Decoders accept several texts for the same bytes; accepting one alone keeps tokens from being changed
 * without being noticed.
 */
export function isCanonicalBase64Url(text: string, byteCount?: number): boolean {
  const bytes = Buffer.from(text, 'base64url');
  return (byteCount === undefined || bytes.length === byteCount) && bytes.toString('base64url') === text;
}
