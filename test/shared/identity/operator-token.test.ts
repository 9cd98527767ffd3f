import { describe, expect, it } from 'vitest';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { publicJwkOf, sshFingerprintOf } from '../../../shared/identity/keys.ts';
import {
  readOperatorTokenFingerprint,
  signOperatorToken,
  verifyOperatorToken,
} from '../../../shared/identity/operator-token.ts';
import { SeenOnce } from '../../../shared/identity/seen-once.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const clock = new FakeClock();
const PROXY = 'p-aaaaaaaaaaaaaaaa';

function loginKey() {
  const { privateKey, publicKey } = freshEd25519();
  return { privateKey, publicKey, fingerprint: sshFingerprintOf(publicJwkOf(publicKey)) };
}

describe('the token of an operator', () => {
  it('shows possession of the login key, once', async () => {
    const key = loginKey();
    const seen = new SeenOnce({ limit: 10, clock });
    const token = await signOperatorToken(key, PROXY, clock);
    expect(readOperatorTokenFingerprint(token)).toBe(key.fingerprint);
    const options = { publicKey: key.publicKey, audience: PROXY, seen, clock };
    await verifyOperatorToken(token, options);
    await expect(verifyOperatorToken(token, options)).rejects.toMatchObject({
      code: 'identity.refused',
      reason: 'replayed',
    });
  });

  it('is refused with another key, another name for the key, or for another role', async () => {
    const [key, other] = [loginKey(), loginKey()];
    const verify = async (token: string, audience = PROXY) =>
      verifyOperatorToken(token, {
        publicKey: key.publicKey,
        audience,
        seen: new SeenOnce({ limit: 10, clock }),
        clock,
      });
    await expect(verify(await signOperatorToken(other, PROXY, clock))).rejects.toMatchObject({
      reason: 'wrong_issuer',
    });
    const borrowed = await signOperatorToken({ ...other, fingerprint: key.fingerprint }, PROXY, clock);
    await expect(verify(borrowed)).rejects.toMatchObject({ reason: 'bad_signature' });
    const token = await signOperatorToken(key, PROXY, clock);
    await expect(verify(token, 'p-bbbbbbbbbbbbbbbb')).rejects.toMatchObject({ reason: 'wrong_audience' });
    clock.advance(90_000);
    await expect(verify(token)).rejects.toMatchObject({ reason: 'expired' });
    expect(() => readOperatorTokenFingerprint('x.y.z')).toThrow(
      expect.objectContaining({ code: 'identity.refused' }),
    );
  });
});
