import fc from 'fast-check';
import { SignJWT, UnsecuredJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { CLOCK_SKEW_S, PASS_LIFETIME_S } from '../../../shared/identity/claims.ts';
import { signDialToken } from '../../../shared/identity/dial-token.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { signPass, verifyPass } from '../../../shared/identity/pass.ts';
import { SeenOnce } from '../../../shared/identity/seen-once.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const clock = new FakeClock();
const startMs = clock.nowMs();
const BASTION = 'b-aaaaaaaaaaaaaaaa';
let proxy: NodeIdentity;

beforeEach(async () => {
  clock.jumpTo(startMs);
  proxy = await createNodeIdentity(temporaryDirectory(), 'proxy', 'central');
});

const statement = () => ({
  sub: 'alice',
  aud: BASTION,
  groups: ['ops'],
  amr: ['pwd', 'otp'],
  auth_time: Math.floor(startMs / 1000) - 100,
  cnf: `SHA256:${'A'.repeat(43)}`,
});

function verify(token: string, seen = new SeenOnce({ limit: 10, clock })) {
  return verifyPass(token, { issuer: proxy, audience: BASTION, seen, clock });
}

/** A token with the right shape and any header, claims and key. */
function forge(
  claims: Record<string, unknown>,
  options: { header?: Record<string, unknown>; key?: NodeIdentity['privateKey'] } = {},
): Promise<string> {
  const iat = Math.floor(clock.nowMs() / 1000);
  return new SignJWT({
    ...statement(),
    iss: proxy.id,
    jti: 'once',
    iat,
    exp: iat + PASS_LIFETIME_S,
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'drawbridge-pass+jwt', ...options.header })
    .sign(options.key ?? proxy.privateKey);
}

describe('a pass', () => {
  it('gives back what the proxy said', async () => {
    const claims = await verify(await signPass(proxy, { ...statement(), device: 'laptop' }, clock));
    const iat = Math.floor(startMs / 1000);
    expect(claims).toMatchObject({ ...statement(), device: 'laptop', iss: proxy.id, iat, exp: iat + 60 });
  });

  it('is accepted once', async () => {
    const seen = new SeenOnce({ limit: 10, clock });
    const token = await signPass(proxy, statement(), clock);
    await verify(token, seen);
    await expect(verify(token, seen)).rejects.toMatchObject({ code: 'pass.replayed' });
  });

  it('is accepted until its expiry plus the allowed skew, and not after', async () => {
    const token = await signPass(proxy, statement(), clock);
    clock.jumpTo(startMs + (PASS_LIFETIME_S + CLOCK_SKEW_S) * 1000 - 1);
    await verify(token);
    clock.jumpTo(startMs + (PASS_LIFETIME_S + CLOCK_SKEW_S) * 1000);
    await expect(verify(token)).rejects.toMatchObject({ code: 'pass.expired', reason: 'expired' });
  });

  it('is accepted from a proxy whose clock is ahead by the allowed skew, and not by more', async () => {
    const token = await signPass(proxy, statement(), clock);
    clock.jumpTo(startMs - CLOCK_SKEW_S * 1000);
    await verify(token);
    clock.jumpTo(startMs - CLOCK_SKEW_S * 1000 - 1);
    await expect(verify(token)).rejects.toMatchObject({ code: 'pass.not_yet_valid' });
  });

  it('is refused when it claims a longer life than a pass may have', async () => {
    const iat = Math.floor(startMs / 1000);
    await verify(await forge({ exp: iat + PASS_LIFETIME_S }));
    await expect(verify(await forge({ exp: iat + PASS_LIFETIME_S + 1 }))).rejects.toMatchObject({
      code: 'pass.too_long',
    });
    await expect(verify(await forge({ exp: iat }))).rejects.toMatchObject({ code: 'pass.too_long' });
  });

  it('is refused for another bastion', async () => {
    const token = await signPass(proxy, { ...statement(), aud: 'b-bbbbbbbbbbbbbbbb' }, clock);
    await expect(verify(token)).rejects.toMatchObject({ code: 'pass.wrong_audience' });
  });

  it('is refused from another proxy, also from one that borrows the name', async () => {
    const other = await createNodeIdentity(temporaryDirectory(), 'proxy', 'central');
    await expect(verify(await signPass(other, statement(), clock))).rejects.toMatchObject({
      code: 'pass.wrong_issuer',
    });
    await expect(verify(await forge({}, { key: other.privateKey }))).rejects.toMatchObject({
      code: 'pass.bad_signature',
    });
  });

  it('is refused when another kind of token comes in its place', async () => {
    const { token } = await signDialToken(proxy, BASTION, clock);
    await expect(verify(token)).rejects.toMatchObject({ code: 'pass.wrong_type' });
    await expect(verify(await forge({}, { header: { typ: 'JWT' } }))).rejects.toMatchObject({
      code: 'pass.wrong_type',
    });
  });

  it('is refused without a signature and with a header that says more than it should', async () => {
    const unsigned = new UnsecuredJWT({ ...statement(), iss: proxy.id, jti: 'x', iat: 1, exp: 2 }).encode();
    await expect(verify(unsigned)).rejects.toMatchObject({ code: 'pass.malformed' });
    for (const header of [
      { alg: 'Ed25519' },
      { jwk: proxy.publicJwk },
      { kid: 'x' },
      { crit: ['b64'], b64: true },
    ]) {
      await expect(verify(await forge({}, { header }))).rejects.toMatchObject({ code: 'pass.malformed' });
    }
  });

  it('is refused when claims are missing or of the wrong type', async () => {
    const wrong = [
      { sub: '' },
      { sub: undefined },
      { sub: 'alice\u001b]0;x\u0007' },
      { sub: 'ali\u202ece' },
      { sub: 'alice bob' },
      { sub: 'x'.repeat(257) },
      { device: 'lap\ntop' },
      { groups: 'ops' },
      { groups: [1] },
      { amr: undefined },
      { auth_time: 'now' },
      { auth_time: 1.5 },
      { cnf: 'MD5:aa' },
      { iat: '1' },
      { exp: 1e300 },
      { jti: '' },
    ];
    for (const claims of wrong) {
      await expect(verify(await forge(claims))).rejects.toMatchObject({ code: 'pass.malformed' });
    }
  });

  it('is refused when the login that it speaks of is over, or lies in the future', async () => {
    const nowS = Math.floor(clock.nowMs() / 1000);
    const lastS = nowS - 8 * 3600 + 1;
    await expect(verify(await forge({ auth_time: lastS }))).resolves.toMatchObject({ auth_time: lastS });
    await expect(verify(await forge({ auth_time: lastS - 1 }))).rejects.toMatchObject({
      code: 'pass.login_expired',
    });
    await expect(verify(await forge({ auth_time: nowS + 31 }))).rejects.toMatchObject({
      code: 'pass.not_yet_valid',
    });
  });

  it('is refused when any one character is changed', async () => {
    const token = await signPass(proxy, statement(), clock);
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n';
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...characters), async (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        await expect(verify(changed)).rejects.toMatchObject({ name: 'StatementRefused' });
      }),
      { numRuns: 400 },
    );
    // The last character has bits that most decoders ignore.
    for (const character of characters) {
      if (token.endsWith(character)) continue;
      await expect(verify(token.slice(0, -1) + character)).rejects.toMatchObject({
        name: 'StatementRefused',
      });
    }
  });

  it('is refused, whatever text comes in its place', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.string().map((s) => `${s}.${s}.${s}`),
        ),
        async (text) => {
          await expect(verify(text)).rejects.toMatchObject({ code: 'pass.malformed' });
        },
      ),
    );
    await expect(verify('a'.repeat(70_000))).rejects.toMatchObject({ code: 'pass.too_large' });
  });

  it('never shows the token in its error', async () => {
    const { privateKey } = freshEd25519();
    const token = await forge({}, { key: privateKey });
    const error: unknown = await verify(token).catch((caught: unknown) => caught);
    expect(JSON.stringify(error) + String(error)).not.toContain(token.slice(0, 40));
  });
});

describe('a proxy whose key is being replaced', () => {
  it('is believed by either of its pinned keys, and by no other', async () => {
    const [next, stranger] = [
      await createNodeIdentity(temporaryDirectory(), 'proxy', 'next'),
      await createNodeIdentity(temporaryDirectory(), 'proxy', 'stranger'),
    ];
    const issuer = { id: proxy.id, publicJwk: next.publicJwk, otherPublicJwks: [proxy.publicJwk] };
    const seen = new SeenOnce({ limit: 10, clock });
    const check = (token: string) => verifyPass(token, { issuer, audience: BASTION, seen, clock });
    await expect(check(await forge({ jti: 'old' }))).resolves.toMatchObject({ sub: 'alice' });
    await expect(check(await forge({ jti: 'new' }, { key: next.privateKey }))).resolves.toMatchObject({
      jti: 'new',
    });
    await expect(check(await forge({ jti: 'no' }, { key: stranger.privateKey }))).rejects.toMatchObject({
      code: 'pass.bad_signature',
    });
  });
});
