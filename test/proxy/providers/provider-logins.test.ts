import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ProviderLogins } from '../../../proxy/providers/provider-logins.ts';
import { PasswordHasher } from '../../../shared/accounts/password-hasher.ts';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { publicJwkOf } from '../../../shared/identity/keys.ts';
import { commitToKey } from '../../../shared/identity/provider/key-commitment.ts';
import { proxyAccounts } from '../../support/proxy-accounts.ts';
import { SigningProvider } from '../../support/signing-provider.ts';

/** Order of the group of P-256 (FIPS 186-4, D.1.2.3). */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other signature that is as good: ECDSA does not tell `s` from `n - s`. */
function withOtherSignature(token: string): string {
  const [head = '', body = '', signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = (P256_ORDER - s).toString(16).padStart(64, '0');
  const changed = Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]);
  return `${head}.${body}.${changed.toString('base64url')}`;
}

describe('an ID token that is tied to no key', () => {
  it('is good once, however its signature is written', async () => {
    const accounts = await proxyAccounts();
    const { store, logins, refusals, audit, clock } = accounts;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signing = new SigningProvider();
    const provider = {
      name: 'test',
      issuer: signing.issuer,
      clientId: signing.clientId,
      scopes: ['openid'],
      algorithms: ['ES256' as const],
      usernameClaim: 'preferred_username',
      groupsClaim: 'groups',
      acrMeans: {},
      reauthenticateAfter: 3_600_000,
      deviceCode: true,
      redirectUri: 'http://127.0.0.1/callback',
      keys: { find: async () => [publicKey] },
    };
    const passwords = new PasswordHasher();
    const provided = new ProviderLogins({
      providers: [provider],
      ...{ store, logins, passwords, refusals, audit, clock },
    });
    const freshKey = () => commitToKey(publicJwkOf(freshEd25519().publicKey));
    const iat = Math.floor(clock.nowMs() / 1000);
    const times = { iat, auth_time: iat, exp: iat + 300 };
    const { nonce: _none, ...claims } = signing.claims(freshKey(), {
      ...times,
      sub: 'subject-of-carol',
      preferred_username: 'carol',
    });
    const idToken = await signing.sign(claims, { alg: 'ES256', key: privateKey });
    const login = (token: string) =>
      provided.login({ provider: 'test', idToken: token, ...freshKey(), source: '192.0.2.1' });
    await expect(login(idToken)).resolves.toMatchObject({ username: 'carol' });
    const spent = { code: 'id_token.expired' };
    await expect(login(idToken)).rejects.toMatchObject(spent);
    await expect(login(withOtherSignature(idToken))).rejects.toMatchObject(spent);
  });
});
