import { DrawbridgeError } from '../errors.ts';
import { type PublicJwk, parsePublicJwk } from '../identity/keys.ts';
import { ED25519_TYPE, keyIdOf, ORIGIN_PREFIX } from './checkpoint-note.ts';
import { COSIGNATURE_TYPE } from './cosignature.ts';

/** A public key as people hand it on: what verifying needs, in one line of text (a `vkey` of C2SP signed-note). */
export interface VerifierKey {
  /** Id of the role whose key it is. */
  readonly id: string;
  readonly publicJwk: PublicJwk;
  /** What it verifies: checkpoints of the role's own log, or its counter-signatures as a witness. */
  readonly verifies: 'checkpoints' | 'cosignatures';
}

const TYPES = { checkpoints: ED25519_TYPE, cosignatures: COSIGNATURE_TYPE } as const;
const KEY_BYTES = 32;

/** `drawbridge/<id>+<key id in hexadecimal>+<base64 of type and key>`. */
export function formatVerifierKey({ id, publicJwk, verifies }: VerifierKey): string {
  const name = ORIGIN_PREFIX + id;
  const type = TYPES[verifies];
  const key = Buffer.concat([Buffer.of(type), Buffer.from(publicJwk.x, 'base64url')]);
  return `${name}+${keyIdOf(name, type, publicJwk).toString('hex')}+${key.toString('base64')}`;
}

/**
 * Reads such a line; blank lines and lines that begin with `#` may stand around it.
 * @throws `audit.bad_key`
 */
export function parseVerifierKey(text: string): VerifierKey {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [, id = '', keyId, base64 = ''] =
    /^drawbridge\/([pb]-[a-z2-7]{16})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(lines[0] ?? '') ?? [];
  const bytes = Buffer.from(base64, 'base64');
  const verifies = bytes[0] === COSIGNATURE_TYPE ? 'cosignatures' : 'checkpoints';
  if (lines.length !== 1 || bytes.length !== KEY_BYTES + 1 || bytes[0] !== TYPES[verifies]) throw bad();
  const publicJwk = parsePublicJwk({
    kty: 'OKP',
    crv: 'Ed25519',
    x: bytes.subarray(1).toString('base64url'),
  });
  // The id need not follow from the key: it may be a later one of a role whose key was renewed.
  if (keyIdOf(ORIGIN_PREFIX + id, TYPES[verifies], publicJwk).toString('hex') !== keyId) throw bad();
  return { id, publicJwk, verifies };
}

function bad(): DrawbridgeError {
  return new DrawbridgeError(
    'audit.bad_key',
    'This is not a public key as `drawbridge audit keys` prints it.',
    {
      hint: 'It is one line that begins with drawbridge/ and has three parts joined by +.',
    },
  );
}
