import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  readEnrolmentKid,
  signEnrolment,
  signEnrolmentReply,
  verifyEnrolment,
  verifyEnrolmentReply,
} from '../../../shared/identity/enrolment.ts';
import { signIssuerDocument, verifyIssuerDocument } from '../../../shared/identity/issuer-document.ts';
import { createJoinToken, parseJoinToken } from '../../../shared/identity/join-token.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { refusalReasonOf } from '../../../shared/identity/refusal.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const clock = new FakeClock();
const REQUEST = {
  role: 'agent',
  sshHostKey: `ssh-ed25519 ${'A'.repeat(68)} web-1`,
  fields: { version: '0.1.0', logins: ['root'], labels: { env: 'test' } },
} as const;
let bastion: NodeIdentity;
let agent: NodeIdentity;
let rival: NodeIdentity;

beforeEach(async () => {
  bastion = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  agent = await createNodeIdentity(temporaryDirectory(), 'agent', 'web-1');
  rival = await createNodeIdentity(temporaryDirectory(), 'agent', 'rival');
});

async function reason(outcome: Promise<unknown>, code: string): Promise<string | undefined> {
  const error: unknown = await outcome.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toMatchObject({ code });
  return refusalReasonOf(error);
}

describe('a join token', () => {
  it('gives the joiner the key of which the issuer keeps the public half', () => {
    const { token, kid, publicJwk } = createJoinToken(bastion);
    expect(token).toMatch(/^dbj1\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$/);
    const read = parseJoinToken(`  ${token}\n`);
    expect(read).toMatchObject({ kid, issuerThumbprint: bastion.thumbprint });
    expect(read.privateKey.export({ format: 'jwk' })['x']).toBe(publicJwk.x);
    expect(JSON.stringify({ kid, publicJwk })).not.toContain(token.split('.')[1]);
  });

  it('is refused when it is not whole', () => {
    const { token } = createJoinToken(bastion);
    for (const text of [
      '',
      'dbj1',
      token.slice(1),
      token.slice(0, -1),
      `${token}.x`,
      `${token}x`,
      token.replace('dbj1', 'dbj2'),
      'x'.repeat(1e6),
    ]) {
      expect(() => parseJoinToken(text)).toThrow(expect.objectContaining({ code: 'token.malformed' }));
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseJoinToken(text)).toThrow(expect.objectContaining({ code: 'token.malformed' }));
      }),
    );
  });
});

describe('an enrolment', () => {
  it('tells who joins, proven by the token’s key and by the joiner’s own', async () => {
    const { token, kid, publicJwk } = createJoinToken(bastion);
    const proof = await signEnrolment(parseJoinToken(token), agent, REQUEST, clock);
    expect(readEnrolmentKid(proof)).toBe(kid);
    expect(
      await verifyEnrolment(proof, { tokenKey: publicJwk, issuerThumbprint: bastion.thumbprint, clock }),
    ).toEqual({
      ...REQUEST,
      id: agent.id,
      name: 'web-1',
      publicJwk: agent.publicJwk,
    });
  });

  it('is refused with another token, for another issuer, or late', async () => {
    const mine = createJoinToken(bastion);
    const other = createJoinToken(bastion);
    const proof = await signEnrolment(parseJoinToken(mine.token), agent, REQUEST, clock);
    const verify = (tokenKey = mine.publicJwk, issuerThumbprint = bastion.thumbprint) =>
      reason(verifyEnrolment(proof, { tokenKey, issuerThumbprint, clock }), 'enrolment.refused');
    expect(await verify(other.publicJwk)).toBe('bad_signature');
    expect(await verify(mine.publicJwk, rival.thumbprint)).toBe('wrong_audience');
    clock.advance(331_000);
    expect(await verify()).toBe('expired');
  });

  it('is refused when somebody takes another’s name for itself', async () => {
    const { token, publicJwk } = createJoinToken(bastion);
    const joinToken = parseJoinToken(token);
    const options = { tokenKey: publicJwk, issuerThumbprint: bastion.thumbprint, clock };
    const sameKey = await signEnrolment(
      joinToken,
      { ...rival, publicJwk: agent.publicJwk, id: agent.id },
      REQUEST,
      clock,
    );
    expect(await reason(verifyEnrolment(sameKey, options), 'enrolment.refused')).toBe('bad_signature');
    const sameId = await signEnrolment(joinToken, { ...rival, id: agent.id }, REQUEST, clock);
    expect(await reason(verifyEnrolment(sameId, options), 'enrolment.refused')).toBe('wrong_issuer');
    const asBastion = await signEnrolment(joinToken, agent, { ...REQUEST, role: 'bastion' }, clock);
    expect(await reason(verifyEnrolment(asBastion, options), 'enrolment.refused')).toBe('wrong_issuer');
  });

  it('is refused when any one character is changed', async () => {
    const { token, publicJwk } = createJoinToken(bastion);
    const proof = await signEnrolment(parseJoinToken(token), agent, REQUEST, clock);
    await fc.assert(
      fc.asyncProperty(fc.nat(proof.length - 1), fc.constantFrom(...'ABz09-_.='), async (at, character) => {
        fc.pre(proof[at] !== character);
        const changed = proof.slice(0, at) + character + proof.slice(at + 1);
        await reason(
          verifyEnrolment(changed, { tokenKey: publicJwk, issuerThumbprint: bastion.thumbprint, clock }),
          'enrolment.refused',
        );
      }),
      { numRuns: 200 },
    );
  });

  it('is refused when a field is out of bounds', async () => {
    const { token, publicJwk } = createJoinToken(bastion);
    const verify = async (identity: NodeIdentity, request: Parameters<typeof signEnrolment>[2]) =>
      reason(
        verifyEnrolment(await signEnrolment(parseJoinToken(token), identity, request, clock), {
          tokenKey: publicJwk,
          issuerThumbprint: bastion.thumbprint,
          clock,
        }),
        'enrolment.refused',
      );
    expect(await verify({ ...agent, name: '../../etc' }, REQUEST)).toBe('malformed');
    expect(await verify(agent, { ...REQUEST, sshHostKey: 'ssh-ed25519 AAAA\nssh-rsa AAAA' })).toBe(
      'malformed',
    );
    expect(await verify(agent, { ...REQUEST, fields: { text: 'x'.repeat(100_000) } })).toBe('too_large');
  });

  it('is answered by the pinned issuer and by nobody else', async () => {
    const document = await signIssuerDocument(bastion, 'bastion', undefined, clock);
    const issuer = await verifyIssuerDocument(document, bastion.thumbprint, clock);
    const reply = await signEnrolmentReply(
      bastion,
      agent.id,
      { name: 'web-1', sshClientKey: 'ssh-ed25519 AAAA' },
      clock,
    );
    const verify = (text: string, joinerId = agent.id) =>
      verifyEnrolmentReply(text, { issuer, joinerId, clock });
    expect(await verify(reply)).toEqual({ name: 'web-1', sshClientKey: 'ssh-ed25519 AAAA' });
    const code = 'enrolment.reply_refused';
    expect(await reason(verify(reply, rival.id), code)).toBe('wrong_audience');
    expect(await reason(verify(await signEnrolmentReply(rival, agent.id, {}, clock)), code)).toBe(
      'wrong_issuer',
    );
    const borrowed = await signEnrolmentReply({ ...rival, id: bastion.id }, agent.id, {}, clock);
    expect(await reason(verify(borrowed), code)).toBe('bad_signature');
    expect(await reason(verify(document), code)).toBe('wrong_type');
  });
});

describe('the document of an issuer', () => {
  it('is believed by the thumbprint in the token, CA and all', async () => {
    const ca = '-----BEGIN CERTIFICATE-----\nMII…\n-----END CERTIFICATE-----\n';
    const document = await signIssuerDocument(bastion, 'bastion', ca, clock);
    expect(await verifyIssuerDocument(document, bastion.thumbprint, clock)).toEqual({
      id: bastion.id,
      name: 'acme',
      role: 'bastion',
      publicJwk: bastion.publicJwk,
      ca,
    });
  });

  it('is refused from anybody else, and when anything in it was changed', async () => {
    const fromRival = await signIssuerDocument(rival, 'bastion', undefined, clock);
    expect(await reason(verifyIssuerDocument(fromRival, bastion.thumbprint, clock), 'issuer.refused')).toBe(
      'wrong_issuer',
    );
    const borrowed = await signIssuerDocument(
      { ...rival, publicJwk: bastion.publicJwk },
      'bastion',
      undefined,
      clock,
    );
    expect(await reason(verifyIssuerDocument(borrowed, bastion.thumbprint, clock), 'issuer.refused')).toBe(
      'bad_signature',
    );
    const wrongRole = await signIssuerDocument(bastion, 'proxy', undefined, clock);
    expect(await reason(verifyIssuerDocument(wrongRole, bastion.thumbprint, clock), 'issuer.refused')).toBe(
      'wrong_issuer',
    );
  });
});
