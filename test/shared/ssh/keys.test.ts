import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createSshKeyFile,
  ed25519KeyObjectFromBlob,
  generateSshKey,
  loadSshKeyFile,
  parsePrivateKey,
  parsePublicLine,
  publicLineOf,
} from '../../../shared/ssh/keys.ts';
import { runProgram } from '../../support/ssh-client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('SSH keys', () => {
  it('are written so that OpenSSH reads them, and only their owner', async () => {
    const path = join(temporaryDirectory(), 'key');
    const publicLine = await createSshKeyFile(path, 'a comment');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const shown = await runProgram('ssh-keygen', ['-y', '-f', path]);
    expect(shown.stdout.trim()).toBe(publicLine);
    const print = await runProgram('ssh-keygen', ['-l', '-f', path]);
    expect(print.stdout).toContain((await loadSshKeyFile(path)).fingerprint);
  });

  it('are read as OpenSSH writes them', async () => {
    const path = join(temporaryDirectory(), 'key');
    await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'me', '-f', path]);
    const [type, base64] = readFileSync(`${path}.pub`, 'utf8').split(' ');
    expect((await loadSshKeyFile(path)).publicLine).toBe(`${type} ${base64}`);
  });

  it('are never written over', async () => {
    const path = join(temporaryDirectory(), 'key');
    await createSshKeyFile(path, 'first');
    await expect(createSshKeyFile(path, 'second')).rejects.toMatchObject({ code: 'ssh.key_exists' });
  });

  it('are refused with a sentence when they are encrypted, damaged or missing', async () => {
    const dir = temporaryDirectory();
    const path = join(dir, 'key');
    await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', path]);
    await expect(loadSshKeyFile(path)).rejects.toMatchObject({ code: 'ssh.invalid_key' });
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 120));
    await expect(loadSshKeyFile(path)).rejects.toMatchObject({ code: 'ssh.invalid_key' });
    await expect(loadSshKeyFile(join(dir, 'none'))).rejects.toMatchObject({ code: 'ssh.key_unreadable' });
    expect(() => parsePrivateKey('', 'it')).toThrow('it is not an unencrypted SSH private key.');
  });

  it('go from a public line to a key and back', () => {
    const { publicLine } = generateSshKey('');
    const { type, blob, fingerprint } = parsePublicLine(`${publicLine} with a comment`);
    expect(type).toBe('ssh-ed25519');
    expect(fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(publicLineOf(ed25519KeyObjectFromBlob(blob), 'x')).toBe(`${publicLine} x`);
  });

  it.each([
    ['', 'nothing'],
    ['ssh-ed25519', 'no key'],
    ['ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==', 'another type inside'],
    ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==', 'too short'],
    ['command="x" ssh-ed25519 AAAA', 'options'],
  ])('refuses %j: %s', (line) => {
    expect(() => parsePublicLine(line)).toThrow('This is not an SSH public key.');
  });
});
