import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { thumbprintOf } from '../../../shared/identity/keys.ts';
import { createNodeIdentity, loadNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('the identity of a role', () => {
  it('is the same when it is loaded again', async () => {
    const directory = join(temporaryDirectory(), 'data');
    const made = await createNodeIdentity(directory, 'bastion', 'acme');
    const loaded = await loadNodeIdentity(directory);
    expect(loaded).toMatchObject({
      id: made.id,
      name: 'acme',
      publicJwk: made.publicJwk,
      thumbprint: made.thumbprint,
    });
    expect(loaded.privateKey.equals(made.privateKey)).toBe(true);
    expect(made.thumbprint).toBe(thumbprintOf(made.publicJwk));
  });

  it('has an id that tells the role and follows from the key', async () => {
    for (const [role, letter] of [
      ['proxy', 'p'],
      ['bastion', 'b'],
      ['agent', 'a'],
    ] as const) {
      const { id } = await createNodeIdentity(temporaryDirectory(), role, 'x');
      expect(id).toMatch(new RegExp(`^${letter}-[a-z2-7]{16}$`));
    }
  });

  it('is a file for its owner alone, with nothing left beside it', async () => {
    const directory = temporaryDirectory();
    await createNodeIdentity(directory, 'agent', 'web-1');
    expect(statSync(join(directory, 'identity.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['identity.json']);
  });

  it('is never replaced', async () => {
    const directory = temporaryDirectory();
    const [first] = await Promise.allSettled([
      createNodeIdentity(directory, 'agent', 'web-1'),
      createNodeIdentity(directory, 'agent', 'web-1'),
      createNodeIdentity(directory, 'agent', 'web-1'),
    ]);
    const before = readFileSync(join(directory, 'identity.json'), 'utf8');
    await expect(createNodeIdentity(directory, 'agent', 'web-1')).rejects.toMatchObject({
      code: 'identity.exists',
    });
    expect(readFileSync(join(directory, 'identity.json'), 'utf8')).toBe(before);
    expect(readdirSync(directory)).toEqual(['identity.json']);
    expect(['fulfilled', 'rejected']).toContain(first.status);
  });

  it('has a name that is safe in files, addresses and logs', async () => {
    for (const name of ['', '-x', '../x', 'a b', 'a\n', 'ü', 'x'.repeat(64)]) {
      await expect(createNodeIdentity(temporaryDirectory(), 'agent', name)).rejects.toMatchObject({
        code: 'identity.invalid_name',
      });
    }
  });

  it('says what to do when it is missing, damaged, or readable by others, and never shows the key', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'identity.json');
    await expect(loadNodeIdentity(directory)).rejects.toMatchObject({
      code: 'identity.missing',
      hint: expect.any(String),
    });
    await createNodeIdentity(directory, 'agent', 'web-1');
    const good = readFileSync(path, 'utf8');
    chmodSync(path, 0o640);
    await expect(loadNodeIdentity(directory)).rejects.toMatchObject({
      code: 'identity.unreadable',
      hint: expect.stringContaining('chmod 600'),
    });
    chmodSync(path, 0o600);
    const d = /"d": "([^"]+)"/.exec(good)?.[1] ?? '';
    expect(d).not.toBe('');
    const otherX = thumbprintOf({ kty: 'OKP', crv: 'Ed25519', x: 'x' });
    for (const text of [
      '',
      good.slice(0, -10),
      good.replace(d, d.slice(4)),
      good.replace(/"x": "[^"]+"/, `"x": "${otherX}"`),
      '{}',
      'x'.repeat(20_000),
    ]) {
      writeFileSync(path, text);
      const error: unknown = await loadNodeIdentity(directory).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'identity.unreadable' });
      expect(
        String(error) + JSON.stringify(error) + String(error instanceof Error && error.cause),
      ).not.toContain(d.slice(4));
    }
  });
});
