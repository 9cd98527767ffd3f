import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSshKeyFile, loadSshKeyFile, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { mendPublicLine, renewSshKeyFile } from '../../../shared/ssh/renew-key.ts';
import { type Power, PowerCut } from '../../support/power-cut.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const power = vi.hoisted((): Power => ({ stepsLeft: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) =>
  (await import('../../support/power-cut.ts')).filesUnder(power, await original()),
);

const restorePower = (): void => {
  power.stepsLeft = Number.POSITIVE_INFINITY;
};
afterEach(restorePower);

/** A key with its public line beside it, as `bastion init` leaves them. */
async function keyFile(): Promise<string> {
  const path = join(temporaryDirectory(), 'ssh_client_ed25519_key');
  writeFileSync(`${path}.pub`, `${await createSshKeyFile(path, 'acme')}\n`, { mode: 0o600 });
  return path;
}

const toldBy = (path: string) => parsePublicLine(readFileSync(`${path}.pub`, 'utf8')).fingerprint;

describe('renewing an SSH key', () => {
  it('puts a fresh key and its public line there, which OpenSSH reads as one', async () => {
    const path = await keyFile();
    const { fingerprint } = await loadSshKeyFile(path);
    const { before, after } = await renewSshKeyFile(path, 'acme');
    expect(before).toBe(fingerprint);
    expect(after).not.toBe(before);
    expect((await loadSshKeyFile(path)).fingerprint).toBe(after);
    expect(toldBy(path)).toBe(after);
    const openssh = spawnSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' });
    expect(openssh.stdout).toBe(readFileSync(`${path}.pub`, 'utf8'));
  });

  it('makes no public line where there is none', async () => {
    const path = join(temporaryDirectory(), 'ssh_host_ed25519_key');
    await createSshKeyFile(path, 'acme');
    await renewSshKeyFile(path, 'acme');
    expect(existsSync(`${path}.pub`)).toBe(false);
  });

  it('is refused where there is no key, and none is made', async () => {
    const path = join(temporaryDirectory(), 'ssh_host_ed25519_key');
    await expect(renewSshKeyFile(path, 'acme')).rejects.toMatchObject({ code: 'ssh.key_unreadable' });
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'nonsense');
    await expect(renewSshKeyFile(path, 'acme')).rejects.toMatchObject({ code: 'ssh.invalid_key' });
    expect(readFileSync(path, 'utf8')).toBe('nonsense');
  });

  it('leaves a whole key wherever it is cut off, and the next start or renewal mends the line beside it', async () => {
    const keysLeft = new Set<'old' | 'new'>();
    let stale = 0;
    for (let steps = 0; ; steps += 1) {
      const path = await keyFile();
      const { fingerprint: old } = await loadSshKeyFile(path);
      power.stepsLeft = steps;
      const cut = await renewSshKeyFile(path, 'acme').then(
        () => undefined,
        (error: unknown) => error,
      );
      restorePower();
      if (cut === undefined) break;
      expect(cut).toBeInstanceOf(PowerCut);
      const { fingerprint } = await loadSshKeyFile(path);
      keysLeft.add(fingerprint === old ? 'old' : 'new');
      const wasStale = toldBy(path) !== fingerprint;
      if (wasStale) stale += 1;
      if (steps % 2 === 0) {
        expect(await mendPublicLine(path, 'acme')).toBe(wasStale);
        expect(toldBy(path)).toBe(fingerprint);
      }
      const { before, after } = await renewSshKeyFile(path, 'acme');
      expect(before).toBe(fingerprint);
      expect(toldBy(path)).toBe(after);
    }
    expect([...keysLeft].sort()).toEqual(['new', 'old']);
    // Between the two files: the reason for the mending.
    expect(stale).toBeGreaterThan(2);
  });
});

describe('mending a public line', () => {
  it('leaves the right one as it is, comment and all', async () => {
    const path = await keyFile();
    const line = readFileSync(`${path}.pub`, 'utf8');
    expect(await mendPublicLine(path, 'somebody else')).toBe(false);
    expect(readFileSync(`${path}.pub`, 'utf8')).toBe(line);
  });

  it.each(['', 'nonsense', 'ssh-ed25519 AAAA'])('puts it in the place of %j', async (text) => {
    const path = await keyFile();
    writeFileSync(`${path}.pub`, text);
    expect(await mendPublicLine(path, 'acme')).toBe(true);
    expect(toldBy(path)).toBe((await loadSshKeyFile(path)).fingerprint);
  });
});
