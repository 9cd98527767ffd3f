import { matchesGlob } from './glob.ts';

/** A pattern of forward destinations: a host pattern and a range of ports. */
export interface DestinationPattern {
  readonly host: string;
  readonly firstPort: number;
  readonly lastPort: number;
}

const PORT_MAX = 65_535;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
/** Enough to tell an address from a name: no name has a colon. */
const IPV6_CHARACTERS = /^[0-9a-f.]*:[0-9a-f:.]*$/i;

/**
 * Reads `host:port`, where the host may hold `*`, and the port is a number, a range `8000-8099`, or `*`. An IPv6 address
 * stands in brackets. Undefined when it is none of these.
 */
export function parseDestination(text: string): DestinationPattern | undefined {
  const match =
    /^(?:\[(?<v6>[0-9a-fA-F:.*]+)\]|(?<name>[A-Za-z0-9._*-]+)):(?<ports>\*|\d{1,5}(?:-\d{1,5})?)$/.exec(text);
  const groups = match?.groups;
  const host = groups?.['v6'] ?? groups?.['name'];
  const ports = groups?.['ports'];
  if (host === undefined || ports === undefined) return undefined;
  if (ports === '*') return { host: host.toLowerCase(), firstPort: 1, lastPort: PORT_MAX };
  const [first, last] = ports.split('-').map(Number);
  if (first === undefined) return undefined;
  const range = { host: host.toLowerCase(), firstPort: first, lastPort: last ?? first };
  return range.firstPort >= 1 && range.firstPort <= range.lastPort && range.lastPort <= PORT_MAX
    ? range
    : undefined;
}

/**
 * True when a forward to `host` and `port` falls under `pattern`. Names are compared without regard to case.
 *
 * The operator chooses the name, and whoever owns a domain chooses where it leads. So a pattern of an address takes
 * addresses only (`10.0.0.*` not `10.0.0.example.com`), and a name that is open at its end stays as long as it is
 * written (`db-*` not `db-1.example.com`).
 */
export function matchesDestination(pattern: DestinationPattern, host: string, port: number): boolean {
  if (port < pattern.firstPort || port > pattern.lastPort) return false;
  return isOfItsKind(pattern.host, host) && matchesGlob(pattern.host, host.toLowerCase());
}

function isOfItsKind(pattern: string, host: string): boolean {
  if (pattern === '*' || !pattern.includes('*')) return true;
  if (/^[\d.*]+$/.test(pattern) && /\d/.test(pattern)) return IPV4.test(host);
  if (pattern.includes(':')) return IPV6_CHARACTERS.test(host);
  return !pattern.endsWith('*') || host.split('.').length === pattern.split('.').length;
}
