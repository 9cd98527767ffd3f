import { beforeEach, describe, expect, it } from 'vitest';
import {
  signDialProof,
  signDialToken,
  verifyDialProof,
  verifyDialToken,
} from '../../../shared/identity/dial-token.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { refusalReasonOf } from '../../../shared/identity/refusal.ts';
import { SeenOnce } from '../../../shared/identity/seen-once.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const clock = new FakeClock();
const startMs = clock.nowMs();
let agent: NodeIdentity;
let bastion: NodeIdentity;
let stranger: NodeIdentity;

beforeEach(async () => {
  clock.jumpTo(startMs);
  agent = await createNodeIdentity(temporaryDirectory(), 'agent', 'web-1');
  bastion = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  stranger = await createNodeIdentity(temporaryDirectory(), 'agent', 'web-1');
});

function verify(token: string, seen = new SeenOnce({ limit: 10, clock })) {
  const findKey = async (id: string) => (id === agent.id ? agent.publicJwk : undefined);
  return verifyDialToken(token, { audience: bastion.id, findKey, seen, clock });
}

async function reason(outcome: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await outcome.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toMatchObject({ code: 'identity.refused' });
  return refusalReasonOf(error);
}

describe('a dial', () => {
  it('shows each end who the other is', async () => {
    const { token, jti } = await signDialToken(agent, bastion.id, clock);
    expect(await verify(token)).toEqual({ id: agent.id, jti });
    const proof = await signDialProof(bastion, agent.id, jti, clock);
    await verifyDialProof(proof, bastion, { audience: agent.id, jti, clock });
  });

  it('is refused, with the reason, when its token is not what it should be', async () => {
    const seen = new SeenOnce({ limit: 10, clock });
    const { token } = await signDialToken(agent, bastion.id, clock);
    await verify(token, seen);
    expect(await reason(verify(token, seen))).toBe('replayed');
    expect(await reason(verify((await signDialToken(stranger, bastion.id, clock)).token))).toBe(
      'unknown_issuer',
    );
    const borrowed = await signDialToken({ ...stranger, id: agent.id }, bastion.id, clock);
    expect(await reason(verify(borrowed.token))).toBe('bad_signature');
    expect(await reason(verify((await signDialToken(agent, stranger.id, clock)).token))).toBe(
      'wrong_audience',
    );
    expect(await reason(verify(await signDialProof(agent, bastion.id, 'x', clock)))).toBe('wrong_type');
    expect(await reason(verify('x'.repeat(10_000)))).toBe('too_large');
    expect(await reason(verify(''))).toBe('malformed');
    clock.advance(90_000);
    expect(await reason(verify(token))).toBe('expired');
    clock.jumpTo(startMs - 31_000);
    expect(await reason(verify(token))).toBe('not_yet_valid');
  });

  it('is refused while no more ids can be remembered', async () => {
    const seen = new SeenOnce({ limit: 1, clock });
    await verify((await signDialToken(agent, bastion.id, clock)).token, seen);
    expect(await reason(verify((await signDialToken(agent, bastion.id, clock)).token, seen))).toBe(
      'replayed',
    );
  });

  it('does not spend an id for a token that is refused', async () => {
    const seen = new SeenOnce({ limit: 10, clock });
    const { token } = await signDialToken(agent, stranger.id, clock);
    expect(await reason(verify(token, seen))).toBe('wrong_audience');
    expect(seen.size).toBe(0);
  });

  it('is refused when the answer is another dial’s, another peer’s, or the token itself', async () => {
    const { token, jti } = await signDialToken(agent, bastion.id, clock);
    const check = (proof: string) =>
      reason(verifyDialProof(proof, bastion, { audience: agent.id, jti, clock }));
    expect(await check(await signDialProof(bastion, agent.id, 'other', clock))).toBe('replayed');
    expect(await check(await signDialProof(bastion, stranger.id, jti, clock))).toBe('wrong_audience');
    expect(await check(await signDialProof(stranger, agent.id, jti, clock))).toBe('wrong_issuer');
    expect(await check(await signDialProof({ ...stranger, id: bastion.id }, agent.id, jti, clock))).toBe(
      'bad_signature',
    );
    expect(await check(token)).toBe('wrong_type');
  });
});
