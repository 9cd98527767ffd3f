/**
 * How many bytes at the end of `bytes` are the beginning of a UTF-8 character whose rest is still to come: 0 to 3
 * (RFC 3629).
 */
export function incompleteTailLength(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    return characterLength(byte) > back ? back : 0;
  }
  return 0;
}

/** How many of the first bytes (at most `limit`) continue a character that began earlier. */
export function continuationLength(bytes: Uint8Array, limit: number): number {
  let length = 0;
  while (length < limit && length < bytes.length && isContinuation(bytes[length] ?? 0)) length++;
  return length;
}

/** Length of the character that `lead` begins; 1 when it begins none. */
export function characterLength(lead: number): number {
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  return 1;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
