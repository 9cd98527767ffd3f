import { isVerifiableKey } from '../../shared/ssh/user-key.ts';
import { fault, keyOn, linesOf } from './kept-file.ts';

/** More CAs than this are a mistake. */
const AUTHORITIES_LIMIT = 64;

/**
 * Reads the CA keys whose certificates count: public keys, one per line. A certificate is none.
 * @returns their fingerprints. @throws `certificates.fault`
 */
export function parseAuthorities(text: string): ReadonlySet<string> {
  const fingerprints = new Set<string>();
  for (const { number, line } of linesOf(text)) {
    fingerprints.add(fingerprintOn(line, number));
    if (fingerprints.size > AUTHORITIES_LIMIT) throw fault(`it names more than ${AUTHORITIES_LIMIT} CA keys`);
  }
  if (fingerprints.size === 0) throw fault('it names no CA key');
  return fingerprints;
}

function fingerprintOn(line: string, number: number): string {
  const key = keyOn(line);
  if (key === undefined) throw fault(`line ${number} is not an SSH public key`);
  if (isVerifiableKey(key.blob)) return key.fingerprint;
  throw fault(`line ${number} is a key that no certificate may be signed with`);
}
