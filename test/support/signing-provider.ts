import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { SignJWT } from 'jose';
import { type PublicJwk, publicJwkOf } from '../../shared/identity/keys.ts';
import { commitToKey, type KeyCommitment, nonceOf } from '../../shared/identity/provider/key-commitment.ts';
import { ed25519KeyObjectFromBlob, parsePublicLine } from '../../shared/ssh/keys.ts';

const ISSUER = 'https://login.vendor.example/realm';
const CLIENT_ID = 'drawbridge';

/** The JWK of an OpenSSH one-line Ed25519 key. */
export function jwkOfLine(publicLine: string): PublicJwk {
  return publicJwkOf(ed25519KeyObjectFromBlob(parsePublicLine(publicLine).blob));
}

/** Somebody who signs ID tokens as an identity provider does, and whatever else a test asks for. */
export class SigningProvider {
  readonly issuer = ISSUER;
  readonly clientId = CLIENT_ID;
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly kid: string;

  constructor(kid = 'key-1') {
    this.kid = kid;
  }

  get publicKey(): KeyObject {
    return this.#keys.publicKey;
  }

  get keySet() {
    return {
      keys: [{ ...this.#keys.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: 'RS256', use: 'sig' }],
    };
  }

  /** Writes the key set as an administrator would. */
  writeKeySet(path: string): string {
    writeFileSync(path, JSON.stringify(this.keySet));
    return path;
  }

  /** What the provider says about alice, for the key that `commitment` opens, unless told otherwise. */
  claims(commitment: KeyCommitment, more: Record<string, unknown> = {}): Record<string, unknown> {
    const nowS = Math.floor(Date.now() / 1000);
    return {
      iss: ISSUER,
      sub: 'subject-of-alice',
      aud: CLIENT_ID,
      iat: nowS,
      exp: nowS + 300,
      auth_time: nowS,
      nonce: nonceOf(commitment),
      preferred_username: 'alice',
      groups: ['support'],
      amr: ['pwd', 'otp', 'mfa'],
      ...more,
    };
  }

  sign(
    claims: Record<string, unknown>,
    how: {
      readonly alg?: string;
      readonly kid?: string;
      readonly typ?: string;
      readonly key?: KeyObject;
    } = {},
  ): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({
        alg: how.alg ?? 'RS256',
        kid: how.kid ?? this.kid,
        ...(how.typ === undefined ? {} : { typ: how.typ }),
      })
      .sign(how.key ?? this.#keys.privateKey);
  }

  /** An ID token for a key, and what opens its nonce: what a pass carries. */
  async evidence(jwk: PublicJwk, more: Record<string, unknown> = {}) {
    const commitment = commitToKey(jwk);
    return { ...commitment, id_token: await this.sign(this.claims(commitment, more)) };
  }
}

/** A token with no signature at all, as `alg: none` has it. */
export function unsignedToken(claims: object): string {
  return `${encoded({ alg: 'none' })}.${encoded(claims)}.`;
}

/** A token whose HMAC secret is the provider's public key in PEM. */
export function signedWithPublicKey(claims: object, publicKey: KeyObject, kid: string): string {
  const text = `${encoded({ alg: 'HS256', kid })}.${encoded(claims)}`;
  const secret = createSecretKey(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })));
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
