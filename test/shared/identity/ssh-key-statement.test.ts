import { beforeEach, describe, expect, it } from 'vitest';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { signSshKey, verifySshKey } from '../../../shared/identity/ssh-key-statement.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const BASTION = 'b-aaaaaaaaaaaaaaaa';
const key = generateSshKey('').publicLine.trim();
let clock: FakeClock;
let agent: NodeIdentity;

beforeEach(async () => {
  clock = new FakeClock();
  agent = await createNodeIdentity(temporaryDirectory(), 'agent', 'web-1');
});

const said = { audience: BASTION, use: 'host', key } as const;
const expected = () => ({ issuer: agent, audience: BASTION, use: 'host' as const, clock });

describe('the statement of an SSH key', () => {
  it('is believed by the peer that it is for', async () => {
    expect(await verifySshKey(await signSshKey(agent, said, clock), expected())).toBe(key);
  });

  it('is not believed of another role, for another role, for another use, or later', async () => {
    const other = await createNodeIdentity(temporaryDirectory(), 'agent', 'web-2');
    const forged = await signSshKey({ ...agent, privateKey: other.privateKey }, said, clock);
    for (const [statement, reason] of [
      [await signSshKey(other, said, clock), 'wrong_issuer'],
      [forged, 'bad_signature'],
      [await signSshKey(agent, { ...said, audience: 'b-bbbbbbbbbbbbbbbb' }, clock), 'wrong_audience'],
      [await signSshKey(agent, { ...said, use: 'client' }, clock), 'wrong_type'],
    ] as const) {
      await expect(verifySshKey(statement, expected())).rejects.toMatchObject({
        code: 'identity.refused',
        reason,
      });
    }
    const late = await signSshKey(agent, said, clock);
    clock.advance(10 * 60_000);
    await expect(verifySshKey(late, expected())).rejects.toMatchObject({ reason: 'expired' });
  });

  it('is not read when it is no key line', async () => {
    const odd = await signSshKey(agent, { ...said, key: 'nonsense' }, clock);
    await expect(verifySshKey(odd, expected())).rejects.toMatchObject({ code: 'identity.refused' });
  });
});
