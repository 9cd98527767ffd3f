import { isIPv6 } from 'node:net';

/** A peer's address as people write it: an IPv4 address that came in on an IPv6 socket is an IPv4 address. */
export function plainAddress(address: string | undefined): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address ?? '')?.[1] ?? address ?? 'unknown';
}

/**
 * The network that an address is counted under: an IPv4 address by itself, an IPv6 address by its first 64 bits,
 * since whoever has one of those has them all.
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
