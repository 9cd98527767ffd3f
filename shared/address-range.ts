import { BlockList, isIP } from 'node:net';
import { plainAddress } from './network.ts';

/** A range of IP addresses: `203.0.113.0/24`, `2001:db8::/32`, or one address. */
export interface AddressRange {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefixBits: number;
}

/** Reads a range as people write it (CIDR, RFC 4632 and RFC 4291); undefined when it is none. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const { address = '', bits } =
    /^(?<address>[0-9A-Fa-f.:]+)(?:\/(?<bits>\d{1,3}))?$/.exec(text)?.groups ?? {};
  const version = isIP(address);
  if (version === 0) return undefined;
  const mostBits = version === 4 ? 32 : 128;
  const prefixBits = bits === undefined ? mostBits : Number(bits);
  return prefixBits > mostBits ? undefined : { address, family: version === 4 ? 'ipv4' : 'ipv6', prefixBits };
}

/** True when `address` lies in one of `ranges`. What is no address lies in none. */
export function isInRanges(address: string, ranges: readonly AddressRange[]): boolean {
  const plain = plainAddress(address);
  const version = isIP(plain);
  if (version === 0) return false;
  const list = new BlockList();
  for (const range of ranges) list.addSubnet(range.address, range.prefixBits, range.family);
  return list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}
