import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freshEd25519 } from '../../../../shared/fresh-key.ts';
import { publicJwkOf } from '../../../../shared/identity/keys.ts';
import {
  ID_TOKEN_LIMIT_BYTES,
  type IdTokenRules,
  verifyIdToken,
} from '../../../../shared/identity/provider/id-token.ts';
import { commitToKey, nonceOf } from '../../../../shared/identity/provider/key-commitment.ts';
import { ID_TOKEN_ALGORITHMS, keysFor, parseKeySet } from '../../../../shared/identity/provider/key-set.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { SigningProvider } from '../../../support/signing-provider.ts';

const provider = new SigningProvider();
const jwk = publicJwkOf(freshEd25519().publicKey);
const commitment = commitToKey(jwk);
const clock = new FakeClock(Date.now());

function rules(more: Partial<IdTokenRules> = {}): IdTokenRules {
  const keys = parseKeySet(provider.keySet);
  return {
    issuer: provider.issuer,
    clientId: provider.clientId,
    algorithms: ID_TOKEN_ALGORITHMS,
    keys: { find: async (header) => keysFor(keys, header) },
    clock,
    expiry: 'must_last',
    ...more,
  };
}

describe('an ID token', () => {
  it('is taken when all of it is right', async () => {
    const token = await provider.sign(provider.claims(commitment));
    await expect(verifyIdToken(token, rules())).resolves.toMatchObject({ nonce: nonceOf(commitment) });
  });

  it('is refused when any one character is changed', async () => {
    const token = await provider.sign(provider.claims(commitment));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...'AZaz09-_.=+/ '),
        async (at, character) => {
          fc.pre(token[at] !== character);
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          await expect(verifyIdToken(changed, rules())).rejects.toThrow('The ID token was refused');
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is no other signed statement of the same provider', async () => {
    const claims = provider.claims(commitment);
    for (const typ of ['JWT', 'jwt', 'application/jwt'])
      await expect(verifyIdToken(await provider.sign(claims, { typ }), rules())).resolves.toBeDefined();
    for (const typ of ['at+jwt', 'logout+jwt', 'application/at+jwt', ''])
      await expect(verifyIdToken(await provider.sign(claims, { typ }), rules())).rejects.toMatchObject({
        fault: 'malformed',
      });
  });

  it('is refused without harm when it is anything else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(fc.base64String()).map((parts) => parts.join('.')),
        ),
        async (text) => {
          await expect(verifyIdToken(text, rules())).rejects.toMatchObject({ fault: 'malformed' });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('may be over at a bastion, and not at the proxy', async () => {
    const nowS = Math.floor(clock.nowMs() / 1000);
    const token = await provider.sign(
      provider.claims(commitment, { iat: nowS - 600, exp: nowS - 60, auth_time: nowS - 600 }),
    );
    await expect(verifyIdToken(token, rules())).rejects.toMatchObject({ fault: 'expired' });
    await expect(verifyIdToken(token, rules({ expiry: 'may_be_over' }))).resolves.toBeDefined();
  });

  it('is refused for its size before it is looked at', async () => {
    const token = `${'A'.repeat(ID_TOKEN_LIMIT_BYTES)}.A.A`;
    await expect(verifyIdToken(token, rules())).rejects.toMatchObject({ fault: 'too_large' });
  });

  it.each(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const)(
    'may be signed with %s',
    async (alg) => {
      const pair =
        alg === 'EdDSA'
          ? freshEd25519()
          : alg.startsWith('ES')
            ? generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' })
            : generateKeyPairSync('rsa', { modulusLength: 2048 });
      const keys = parseKeySet({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k' }] });
      const find: IdTokenRules['keys']['find'] = async (header) => keysFor(keys, header);
      const token = await provider.sign(provider.claims(commitment), { alg, kid: 'k', key: pair.privateKey });
      await expect(verifyIdToken(token, rules({ keys: { find } }))).resolves.toBeDefined();
      const others = ID_TOKEN_ALGORITHMS.filter((other) => other !== alg);
      await expect(verifyIdToken(token, rules({ keys: { find }, algorithms: others }))).rejects.toMatchObject(
        {
          fault: 'algorithm',
        },
      );
    },
  );
});

describe('a key set', () => {
  it('gives up symmetric, short and private parts, and keys for encryption', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const keys = parseKeySet({
      keys: [
        { kty: 'oct', k: 'c2VjcmV0', kid: 'a' },
        { ...short.publicKey.export({ format: 'jwk' }), kid: 'b' },
        { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'c', use: 'enc' },
        { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'd' },
        'no key',
      ],
    });
    expect(keys.map(({ kid, key }) => [kid, key.type])).toEqual([['d', 'public']]);
    expect(() => parseKeySet({ keys: [] })).toThrow('no public key');
    expect(() => parseKeySet([])).toThrow('not a JWK Set');
  });
});

describe('the commitment to a key', () => {
  it('has one text for one key and salt', () => {
    const salt = Buffer.alloc(32, 1).toString('base64url');
    const x = Buffer.alloc(32, 2).toString('base64url');
    expect(nonceOf({ jwk: { kty: 'OKP', crv: 'Ed25519', x }, salt })).toBe(
      nonceOf({ salt, jwk: { x, crv: 'Ed25519', kty: 'OKP' } }),
    );
    expect(commitToKey(jwk).salt).not.toBe(commitToKey(jwk).salt);
  });
});
