import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import { signIssuerDocument, verifyIssuerDocument } from '../../../shared/identity/issuer-document.ts';
import {
  createNodeIdentity,
  loadNodeIdentity,
  type NodeIdentity,
  rotateNodeIdentity,
} from '../../../shared/identity/node-identity.ts';
import {
  followSuccessions,
  MAX_SENT_SUCCESSIONS,
  signSuccession,
  successionHeader,
  successionsOfHeader,
} from '../../../shared/identity/succession.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

async function rotated(times: number): Promise<{ directory: string; all: NodeIdentity[] }> {
  const directory = temporaryDirectory();
  const all = [await createNodeIdentity(directory, 'bastion', 'acme')];
  for (let i = 0; i < times; i += 1) all.push((await rotateNodeIdentity(directory, systemClock)).after);
  return { directory, all };
}

const last = <T>(list: readonly T[]): T => {
  const item = list.at(-1);
  if (item === undefined) throw new Error('the list is empty');
  return item;
};

describe('a new key of a role', () => {
  it('comes with the same id and name, on the disk, and with nothing left beside it', async () => {
    const { directory, all } = await rotated(3);
    const loaded = await loadNodeIdentity(directory);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(new Set(all.map(({ thumbprint }) => thumbprint)).size).toBe(4);
    expect(loaded).toMatchObject({ id: all[0]?.id, name: 'acme', thumbprint: last(all).thumbprint });
    expect(loaded.successions).toHaveLength(3);
    expect(readdirSync(directory)).toEqual(['identity.json']);
  });

  it('is followed from any key that somebody has pinned', async () => {
    const { all } = await rotated(3);
    const { id, successions, publicJwk } = last(all);
    for (const { publicJwk: pinned } of all)
      expect(await followSuccessions(pinned, { id, statements: successions })).toEqual(publicJwk);
  });

  it('is not followed from a key that is none of its own', async () => {
    const { all } = await rotated(1);
    const { all: others } = await rotated(0);
    const { id, successions } = last(all);
    const stranger = last(others).publicJwk;
    expect(await followSuccessions(stranger, { id, statements: successions })).toEqual(stranger);
  });

  it('is refused when somebody else than the old key has signed for it', async () => {
    const { all } = await rotated(0);
    const thief = last((await rotated(0)).all);
    const mine = last(all);
    const forged = await signSuccession(
      { id: mine.id, from: mine.publicJwk, to: thief.publicJwk },
      thief.privateKey,
      systemClock,
    );
    await expect(
      followSuccessions(mine.publicJwk, { id: mine.id, statements: [forged] }),
    ).rejects.toMatchObject({ reason: 'bad_signature' });
    const foreign = await signSuccession(
      { id: thief.id, from: mine.publicJwk, to: thief.publicJwk },
      mine.privateKey,
      systemClock,
    );
    await expect(
      followSuccessions(mine.publicJwk, { id: mine.id, statements: [foreign] }),
    ).rejects.toMatchObject({ reason: 'wrong_issuer' });
  });

  it('survives a clock that is behind', async () => {
    const { directory } = await rotated(0);
    const clock = new FakeClock();
    clock.advance(Date.now() + 1e11);
    const { after } = await rotateNodeIdentity(directory, clock);
    expect((await loadNodeIdentity(directory)).thumbprint).toBe(after.thumbprint);
  });

  it('does not load when the file was put together from two identities', async () => {
    const { directory } = await rotated(1);
    const other = await rotated(1);
    const path = join(directory, 'identity.json');
    const mine = JSON.parse(readFileSync(path, 'utf8')) as object;
    const theirs = JSON.parse(readFileSync(join(other.directory, 'identity.json'), 'utf8')) as {
      id: string;
      successions: string[];
    };
    for (const mixed of [
      { ...mine, id: theirs.id },
      { ...mine, successions: theirs.successions },
      { ...mine, successions: [] },
    ]) {
      writeFileSync(path, JSON.stringify(mixed));
      await expect(loadNodeIdentity(directory)).rejects.toMatchObject({ code: 'identity.unreadable' });
    }
  });

  it('is believed at enrolment by whoever has a token that names it, and by nobody with an older one', async () => {
    const { all } = await rotated(2);
    const [first] = all;
    const today = last(all);
    const document = await signIssuerDocument(today, 'bastion', undefined, systemClock);
    expect(await verifyIssuerDocument(document, today.thumbprint, systemClock)).toMatchObject({
      id: first?.id,
      publicJwk: today.publicJwk,
    });
    await expect(verifyIssuerDocument(document, first?.thumbprint ?? '', systemClock)).rejects.toMatchObject({
      reason: 'wrong_issuer',
    });
    const claimed = { ...last((await rotated(0)).all), id: today.id };
    const lie = await signIssuerDocument(claimed, 'bastion', undefined, systemClock);
    await expect(verifyIssuerDocument(lie, claimed.thumbprint, systemClock)).rejects.toMatchObject({
      reason: 'wrong_issuer',
    });
  });

  it('is told in a header that holds the latest ones and is bounded', async () => {
    expect(successionHeader([])).toBeUndefined();
    const many = Array.from({ length: MAX_SENT_SUCCESSIONS + 3 }, (_, i) => `s${i}`);
    expect(successionsOfHeader(successionHeader(many))).toEqual(many.slice(3));
    expect(successionsOfHeader(many.join(' '))).toEqual([]);
    expect(successionsOfHeader('x'.repeat(9000))).toEqual([]);
    expect(successionsOfHeader(undefined)).toEqual([]);
  });
});
