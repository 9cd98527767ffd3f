import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Refusals } from '../../../proxy/accounts/refusals.ts';
import { Enrolments } from '../../../proxy/enrolment/enrolment.ts';
import { signEnrolment, verifyEnrolmentReply } from '../../../shared/identity/enrolment.ts';
import { createJoinToken, parseJoinToken } from '../../../shared/identity/join-token.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { openTestStore } from '../../support/proxy-store.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const MINUTE_MS = 60_000;

async function enrolments() {
  const dir = temporaryDirectory();
  const clock = new FakeClock();
  const audit = new MemoryAudit();
  const { enrolments: store } = await openTestStore();
  const identity = await createNodeIdentity(join(dir, 'proxy'), 'proxy', 'central');
  const refusals = new Refusals(audit, clock);
  const subject = new Enrolments({ identity, store, refusals, audit, clock });
  let joiners = 0;
  return {
    subject,
    identity,
    store,
    clock,
    audit,
    async token(name = 'acme'): Promise<string> {
      const { token, kid, publicJwk } = createJoinToken(identity);
      await store.addJoinToken({ kid, publicJwk, name, expiresAtMs: clock.nowMs() + 30 * MINUTE_MS });
      return token;
    },
    async joiner(role: 'bastion' | 'agent' = 'bastion') {
      const bastion = await createNodeIdentity(join(dir, `joiner-${joiners++}`), role, 'somebody');
      const sshHostKey = generateSshKey('host').publicLine;
      return {
        bastion,
        sshHostKey,
        proof: (token: string): Promise<string> =>
          signEnrolment(
            parseJoinToken(token),
            bastion,
            { role, sshHostKey, fields: { version: '1' } },
            clock,
          ),
      };
    },
  };
}

describe('an enrolment', () => {
  it('pins the keys of the bastion under the name of its token, and answers with that name', async () => {
    const { subject, identity, store, clock, audit, token, joiner } = await enrolments();
    const { bastion, sshHostKey, proof } = await joiner();
    const reply = await subject.enrol(await proof(await token('acme')), '192.0.2.1');
    const issuer = {
      id: identity.id,
      name: 'central',
      role: 'proxy',
      publicJwk: identity.publicJwk,
    } as const;
    expect(await verifyEnrolmentReply(reply, { issuer, joinerId: bastion.id, clock })).toEqual({
      name: 'acme',
    });
    expect(await store.findBastionByName('acme')).toMatchObject({
      id: bastion.id,
      publicJwk: bastion.publicJwk,
      sshHostKey,
      fields: { version: '1' },
    });
    expect(audit.ofType('bastion.joined')).toMatchObject([{ bastion: 'acme', bastionId: bastion.id }]);
  });

  it('uses its token up, also when two come at the same time', async () => {
    const { subject, store, audit, token, joiner } = await enrolments();
    const shared = await token();
    const [one, two, late] = [await joiner(), await joiner(), await joiner()];
    const outcomes = await Promise.allSettled([
      subject.enrol(await one.proof(shared), '192.0.2.1'),
      subject.enrol(await two.proof(shared), '192.0.2.1'),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(subject.enrol(await late.proof(shared), '192.0.2.1')).rejects.toMatchObject({
      code: 'enrolment.spent',
    });
    expect((await store.listBastions()).length).toBe(1);
    expect(audit.ofType('bastion.refused').length).toBe(2);
  });

  it('is refused alike with a token that is unknown, expired, of another proxy, or for an agent', async () => {
    const here = await enrolments();
    const elsewhere = await enrolments();
    const expired = await here.token();
    const { proof } = await here.joiner();
    const agent = await here.joiner('agent');
    const refused = { code: 'enrolment.refused', message: 'This join token is not valid.' };
    const foreign = await proof(await elsewhere.token());
    await expect(here.subject.enrol(foreign, '192.0.2.1')).rejects.toMatchObject(refused);
    const ofAgent = await agent.proof(await here.token());
    await expect(here.subject.enrol(ofAgent, '192.0.2.1')).rejects.toMatchObject(refused);
    await expect(here.subject.enrol('not even a proof', '192.0.2.1')).rejects.toMatchObject(refused);
    here.clock.advance(31 * MINUTE_MS);
    await expect(here.subject.enrol(await proof(expired), '192.0.2.1')).rejects.toMatchObject(refused);
    expect(here.audit.ofType('bastion.refused').map(({ reason }) => reason)).toEqual([
      'unknown_token',
      'wrong_role',
      'malformed',
      'expired_token',
    ]);
    expect(await here.store.listBastions()).toEqual([]);
  });

  it('is refused for a name that another bastion has taken meanwhile', async () => {
    const { subject, audit, token, joiner } = await enrolments();
    const [first, second] = [await token('acme'), await token('acme')];
    await subject.enrol(await (await joiner()).proof(first), '192.0.2.1');
    await expect(subject.enrol(await (await joiner()).proof(second), '192.0.2.1')).rejects.toMatchObject({
      code: 'enrolment.name_taken',
    });
    // Who was refused has not joined: an auditor must not read otherwise.
    expect(audit.ofType('bastion.joined')).toHaveLength(1);
    expect(audit.ofType('bastion.refused')).toMatchObject([{ reason: 'name_taken' }]);
  });

  it('is not made when the audit log cannot be written, and the token stays good', async () => {
    const { subject, store, audit, token, joiner } = await enrolments();
    const { proof } = await joiner();
    const shared = await token();
    audit.failing = true;
    await expect(subject.enrol(await proof(shared), '192.0.2.1')).rejects.toMatchObject({
      code: 'audit.unavailable',
    });
    expect(await store.listBastions()).toEqual([]);
    audit.failing = false;
    await subject.enrol(await proof(shared), '192.0.2.1');
  });

  it('can be tried so often from one address, and no more for a while', async () => {
    const { subject, clock } = await enrolments();
    const tries = Array.from({ length: 40 }, () => subject.enrol('x', '192.0.2.1'));
    const codes = (await Promise.allSettled(tries)).map((outcome) =>
      outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'none',
    );
    expect(codes.filter((code) => code === 'enrolment.limited').length).toBe(10);
    clock.advance(2_000);
    await expect(subject.enrol('x', '192.0.2.1')).rejects.toMatchObject({ code: 'enrolment.refused' });
  });
});
