import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import type { ProviderEvidence } from '../../../shared/identity/claims.ts';
import { signPass } from '../../../shared/identity/pass.ts';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { startTestBastion, type TestBastion, type TestPass } from '../../support/running-bastion.ts';
import {
  jwkOfLine,
  SigningProvider,
  signedWithPublicKey,
  unsignedToken,
} from '../../support/signing-provider.ts';
import { createTestKey, ISOLATED, runSsh } from '../../support/ssh-client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { answerTo, trustIn } from '../../support/trusting-bastion.ts';

const LOGIN = userInfo().username;

const POLICY = `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: [web-1] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [exec]
  - name: masters
    groups: [masters]
    hosts: { names: [vault] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [exec]
`;

/** A bastion with two hosts, one of which only `masters` may reach, behind a proxy that signs whatever it likes. */
async function bastionThatTrusts(trust: 'proxy' | 'idp', provider: SigningProvider): Promise<TestBastion> {
  const bastion = await startTestBastion({
    policy: POLICY,
    config: { trust, idp: [trustIn(provider)] },
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      const address = { host: '127.0.0.1', port: host.port };
      return ['web-1', 'vault'].map((name) => ({ name, address, labels: {} }));
    },
  });
  await bastion.accessOn();
  return bastion;
}

describe('a proxy that was taken over', () => {
  test('lets anybody in where its word is trusted: this is what trust: proxy means', async () => {
    const bastion = await bastionThatTrusts('proxy', new SigningProvider());
    const made = await createTestKey(temporaryDirectory(), 'made-up');
    const claims = { sub: 'nobody-at-all', groups: ['masters'], cnf: made.fingerprint };
    const port = await bastion.proxy.bridge('vault', () => claims);
    const own = [...ISOLATED, '-i', made.path, '-p', String(port), `${LOGIN}@127.0.0.1`];
    expect(await runSsh([...own, 'echo got-in'])).toMatchObject({ code: 0, stdout: 'got-in\n' });
    await bastion.auditHas('operator.admitted', { operator: 'nobody-at-all', groups: ['masters'] });
  });

  test('can only hand on what the identity provider said, where that is trusted', {
    timeout: 60_000,
  }, async () => {
    const provider = new SigningProvider();
    const bastion = await bastionThatTrusts('idp', provider);
    const alice = jwkOfLine(bastion.operatorKey.publicLine);
    const mallory = await createTestKey(temporaryDirectory(), 'mallory');
    const mallorysJwk = jwkOfLine(mallory.publicLine);
    const evidence = (more: Record<string, unknown> = {}) => provider.evidence(alice, more);
    const nowS = Math.floor(Date.now() / 1000);

    // The honest way, with the stock client: groups, methods and times are the provider's, whatever the pass says.
    const honest: TestPass = { idp: await evidence(), groups: ['masters'], amr: ['none'] };
    const args = await bastion.sshArgs('web-1', LOGIN, honest);
    expect(await runSsh([...args, 'echo in'])).toMatchObject({ code: 0, stdout: 'in\n' });
    await bastion.auditHas('operator.admitted', {
      groups: ['support'],
      amr: ['pwd', 'otp', 'mfa'],
      vouchedBy: { issuer: provider.issuer, subject: 'subject-of-alice' },
    });

    // A login of the provider's, forged in every way; each with the reason that the customer finds in the audit log.
    const forged =
      (change: (right: ProviderEvidence) => ProviderEvidence | Promise<ProviderEvidence>) => async () => ({
        idp: await change(await evidence()),
      });
    const saying = (more: Record<string, unknown>) => async () => ({ idp: await evidence(more) });
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const withToken = (make: (claims: Record<string, unknown>) => string | Promise<string>) =>
      forged(async (right) => ({ ...right, id_token: await make(provider.claims(right)) }));
    const attempts: readonly (readonly [string, string, () => Promise<TestPass>])[] = [
      ['no ID token at all', 'id_token.missing', async () => ({})],
      [
        'forged groups, signed by a key of its own',
        'id_token.bad_signature',
        withToken((claims) => provider.sign({ ...claims, groups: ['masters'] }, { key: stranger })),
      ],
      [
        'forged groups under the old signature',
        'id_token.bad_signature',
        forged((right) => ({ ...right, id_token: regrouped(right.id_token) })),
      ],
      [
        "its own key under alice's token",
        'id_token.other_key',
        async () => ({ idp: await evidence(), cnf: mallory.fingerprint }),
      ],
      [
        "its own key in the place of alice's",
        'id_token.not_bound',
        async () => ({ idp: { ...(await evidence()), jwk: mallorysJwk }, cnf: mallory.fingerprint }),
      ],
      [
        "another operator's token for an operator of its choice",
        'id_token.subject_mismatch',
        async () => ({ idp: await evidence({ preferred_username: 'bob' }) }),
      ],
      [
        "a colluding operator's own token under alice's name",
        'id_token.subject_mismatch',
        async () => ({
          idp: await provider.evidence(mallorysJwk, { preferred_username: 'mallory' }),
          cnf: mallory.fingerprint,
        }),
      ],
      [
        'a salt that was changed',
        'id_token.not_bound',
        forged((right) => ({ ...right, salt: Buffer.alloc(32, 7).toString('base64url') })),
      ],
      ['a nonce that commits to nothing', 'id_token.not_bound', saying({ nonce: 'n-0S6_WzA2Mj' })],
      ['no nonce, as the device flow has it', 'id_token.not_bound', saying({ nonce: undefined })],
      [
        'a pass for another bastion',
        'pass.wrong_audience',
        async () => ({ idp: await evidence(), aud: 'b-another' }),
      ],
      [
        'a sign-in of nine hours ago',
        'id_token.login_too_old',
        saying({ iat: nowS - 9 * 3600, auth_time: nowS - 9 * 3600, exp: nowS - 8 * 3600 }),
      ],
      [
        'a fresh token of a sign-in that is too long ago',
        'id_token.login_too_old',
        saying({ auth_time: nowS - 9 * 3600 }),
      ],
      ['a token from the future', 'id_token.not_yet_valid', saying({ iat: nowS + 600, exp: nowS + 900 })],
      ['a token that ends before it begins', 'id_token.malformed', saying({ exp: nowS - 60 })],
      ['alg none', 'id_token.algorithm', withToken(unsignedToken)],
      [
        'HS256 with the public key as the secret',
        'id_token.algorithm',
        withToken((claims) => signedWithPublicKey(claims, provider.publicKey, provider.kid)),
      ],
      [
        'another algorithm than the key is for',
        'id_token.unknown_key',
        withToken((claims) => provider.sign(claims, { alg: 'PS256' })),
      ],
      [
        'an unknown kid',
        'id_token.unknown_key',
        withToken((claims) => provider.sign(claims, { kid: 'key-9', key: stranger })),
      ],
      ["another application's token", 'id_token.wrong_audience', saying({ aud: 'wiki' })],
      ['a token for us and others', 'id_token.wrong_audience', saying({ aud: ['drawbridge', 'wiki'] })],
      ['a token that was given to another party', 'id_token.wrong_audience', saying({ azp: 'wiki' })],
      ["another provider's token", 'id_token.wrong_issuer', saying({ iss: 'https://login.evil.example' })],
      ['a token without the user name', 'id_token.no_username', saying({ preferred_username: undefined })],
      ['a user name that is a path', 'id_token.no_username', saying({ preferred_username: '../root' })],
      [
        'groups that were left out',
        'id_token.groups_overage',
        saying({ groups: undefined, _claim_names: { groups: 'src1' } }),
      ],
      [
        'something that is no token',
        'id_token.malformed',
        forged((right) => ({ ...right, id_token: 'a.b' })),
      ],
      [
        'a key that is no Ed25519 key',
        'pass.malformed',
        forged((right) => ({ ...right, jwk: { ...right.jwk, x: 'AA' } })),
      ],
      [
        'a token that is too large',
        'id_token.too_large',
        forged((right) => ({ ...right, id_token: 'a'.repeat(11_265) })),
      ],
    ];
    for (const [what, code, claims] of attempts) {
      const pass = await bastion.proxy.pass(await claims());
      expect(await answerTo(bastion, pass), what).toBe(code);
      await bastion.auditHas('operator.refused', { code });
    }

    // Groups in the pass open nothing: the vault is for masters.
    const pretending = await bastion.proxy.pass({ idp: await evidence(), groups: ['masters'] });
    expect(await answerTo(bastion, pretending, 'vault')).toBe('host.unknown');
    // And the same with a genuine master's token works, so that the refusal above was for the groups.
    const master = await bastion.proxy.pass({ idp: await evidence({ groups: ['masters'] }) });
    expect(await answerTo(bastion, master, 'vault')).toBe('in');

    // Passes themselves: used twice, used again after a restart, expired, and signed by another key.
    const once = await bastion.proxy.pass({ idp: await evidence() });
    expect(await answerTo(bastion, once)).toBe('in');
    expect(await answerTo(bastion, once)).toBe('pass.replayed');
    const claims = {
      sub: 'alice',
      aud: 'b-another',
      groups: [],
      amr: [],
      auth_time: nowS,
      cnf: bastion.operatorKey.fingerprint,
    };
    const late = { ...systemClock, nowMs: () => Date.now() - 120_000 };
    const expired = await signPass(bastion.proxy.identity, { ...claims, idp: await evidence() }, late);
    expect(await answerTo(bastion, expired)).toBe('pass.expired');
    await bastion.restart();
    await bastion.accessOn();
    expect(await answerTo(bastion, once)).toBe('pass.replayed');
    expect(await answerTo(bastion, await bastion.proxy.pass({ idp: await evidence() }))).toBe('in');
  });

  test('tells the operator what to do, and the customer why', async () => {
    const bastion = await bastionThatTrusts('idp', new SigningProvider());
    const { reply } = bastion.proxy.ask({ host: 'web-1', pass: await bastion.proxy.pass({}) });
    await expect(reply).rejects.toMatchObject({
      message: "acme takes operators only by their identity provider's own word, and this login has none.",
      hint: 'Sign in with: drawbridge login --provider NAME (without --device-code)',
    });
    await bastion.auditHas('operator.refused', { reason: 'The ID token was refused: there is none.' });
  });

  test('finds nobody let in when the file with the keys has gone', async () => {
    const provider = new SigningProvider();
    const bastion = await bastionThatTrusts('idp', provider);
    const path = bastion.config.idp[0]?.keys.file ?? '';
    writeFileSync(path, 'no keys');
    const idp = await provider.evidence(jwkOfLine(bastion.operatorKey.publicLine));
    expect(await answerTo(bastion, await bastion.proxy.pass({ idp }))).toBe('id_token.keys_unavailable');
  });
});

/** The token with `masters` written into its groups, and its signature left as it was. */
function regrouped(token: string): string {
  const [head = '', body = '', signature = ''] = token.split('.');
  const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString());
  const changed = Object.assign({}, claims, { groups: ['masters'] });
  return [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}
