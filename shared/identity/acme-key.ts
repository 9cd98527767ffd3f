import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { calculateJwkThumbprint, FlattenedSign, type JWK } from 'jose';
import { DrawbridgeError, systemCodeOf } from '../errors.ts';
import { writeWholeFile } from '../store/whole-file.ts';

/**
 * The key of an account at an ACME server (RFC 8555). It proves who asks for a certificate, and is neither the key of
 * the certificate nor the identity of a role.
 */
export class AcmeKey {
  readonly #privateKey: KeyObject;
  readonly #publicJwk: JWK;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
    this.#publicJwk = { kty: String(kty), crv: String(crv), x: String(x), y: String(y) };
  }

  /**
   * Reads the key at `path`, or makes one (0600).
   * @throws `acme.key_unreadable`
   */
  static async open(path: string): Promise<AcmeKey> {
    try {
      return new AcmeKey(createPrivateKey(await readFile(path, 'utf8')));
    } catch (cause) {
      if (systemCodeOf(cause) !== 'ENOENT') {
        // The parser's error is not kept: it is about secret text.
        throw new DrawbridgeError(
          'acme.key_unreadable',
          `The key of the ACME account ${path} can't be read.`,
          {
            hint: 'Move it away: another account is made then, which is enough for new certificates.',
          },
        );
      }
    }
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
      publicKeyEncoding: { format: 'pem', type: 'spki' },
    });
    await writeWholeFile(path, privateKey);
    // From its encoding, as `freshEd25519` does and says why.
    return new AcmeKey(createPrivateKey(privateKey));
  }

  /** Signs the body of one request. Without an `account` the key itself is named, for making one. */
  async sign(
    payload: string,
    header: { readonly url: string; readonly nonce: string; readonly account: string | undefined },
  ): Promise<string> {
    const { url, nonce, account } = header;
    const who = account === undefined ? { jwk: this.#publicJwk } : { kid: account };
    const signed = await new FlattenedSign(Buffer.from(payload))
      .setProtectedHeader({ alg: 'ES256', nonce, url, ...who })
      .sign(this.#privateKey);
    return JSON.stringify(signed);
  }

  /** What the server expects to find at the place of a challenge (RFC 8555, 8.1). */
  async keyAuthorization(token: string): Promise<string> {
    return `${token}.${await calculateJwkThumbprint(this.#publicJwk)}`;
  }
}
