import { spawnSync } from 'node:child_process';
import { createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseOpenSshEd25519, readLoginKey } from '../../operator/login-key.ts';
import { generateSshKey, publicLineOf } from '../../shared/ssh/keys.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('the key of a login', () => {
  it('is read from a file that ssh-keygen made, and signs', async () => {
    const path = join(temporaryDirectory(), 'key');
    expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]).status).toBe(0);
    const key = await readLoginKey(path);
    expect(publicLineOf(createPublicKey(key)).trim()).toBe(readFileSync(`${path}.pub`, 'utf8').trim());
    const signature = sign(null, Buffer.from('text'), key);
    expect(verify(null, Buffer.from('text'), createPublicKey(key), signature)).toBe(true);
  });

  it('is read from a file of our own', () => {
    const { privateKey, publicLine } = generateSshKey('alice');
    const key = parseOpenSshEd25519(privateKey);
    expect(publicLineOf(createPublicKey(key), 'alice')).toBe(publicLine);
  });

  it('is refused when it has a passphrase or is of another type', async () => {
    const folder = temporaryDirectory();
    for (const [name, args] of [
      ['locked', ['-t', 'ed25519', '-N', 'secret']],
      ['rsa', ['-t', 'rsa', '-b', '2048', '-N', '']],
    ] as const) {
      const path = join(folder, name);
      spawnSync('ssh-keygen', ['-q', ...args, '-f', path]);
      await expect(readLoginKey(path)).rejects.toMatchObject({ code: 'login.unreadable' });
    }
  });

  it('is refused with a plain error whatever the file holds', async () => {
    const path = join(temporaryDirectory(), 'key');
    const good = generateSshKey('alice').privateKey;
    const damaged = fc
      .tuple(fc.nat(good.length - 1), fc.nat(40), fc.string({ maxLength: 40 }))
      .map(([at, length, text]) => good.slice(0, at) + text + good.slice(at + length));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), damaged), async (text) => {
        writeFileSync(path, text);
        const outcome = await readLoginKey(path).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'login.unreadable' });
      }),
      { numRuns: 200 },
    );
  });
});
