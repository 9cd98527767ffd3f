import { DrawbridgeError } from '../../shared/errors.ts';

/** A host as operators write it: `web-1.acme`. */
export interface Destination {
  readonly host: string;
  readonly bastion: string;
}

/** Longest name of a host with its bastion (the longest DNS name). */
const DESTINATION_LIMIT = 253;
const HOST_PATTERN = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const BASTION_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** True when a bastion may be called so: 1 to 63 small letters, digits and hyphens, as in a DNS label. */
export function isBastionName(name: string): boolean {
  return BASTION_PATTERN.test(name);
}

/**
 * Reads `HOST.BASTION`. The bastion's name is what stands behind the last dot, so hosts may have dots in theirs.
 * @throws `destination.invalid`
 */
export function parseDestination(text: string): Destination {
  const dot = text.lastIndexOf('.');
  const host = text.slice(0, Math.max(dot, 0));
  const bastion = text.slice(dot + 1).toLowerCase();
  if (text.length > DESTINATION_LIMIT || !HOST_PATTERN.test(host) || !isBastionName(bastion)) {
    throw new DrawbridgeError('destination.invalid', 'This is not a host that can be reached from here.', {
      hint: 'Write HOST.BASTION, for example web-1.acme.',
    });
  }
  return { host, bastion };
}
