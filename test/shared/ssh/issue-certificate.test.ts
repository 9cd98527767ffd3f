import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSignedByItsCa, parseUserCertificate } from '../../../shared/ssh/certificate.ts';
import { issueUserCertificate } from '../../../shared/ssh/issue-certificate.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { freshSigningKey, signingKeyOf } from '../../../shared/ssh/signing-key.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const authority = signingKeyOf(generateSshKey('authority').privateKey);
const key = freshSigningKey();

describe('a user certificate that we sign', () => {
  it('says what it was given, and is signed by its authority, whatever that is', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        name,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.tuple(name, name),
        fc.integer({ min: 0, max: 4e12 }),
        (keyId, serial, principals, validAfterMs) => {
          const contents = { keyBlob: key.blob, keyId, serial, principals, validAfterMs, extensions: [] };
          const blob = issueUserCertificate(authority, { ...contents, validBeforeMs: validAfterMs + 60_000 });
          const read = parseUserCertificate(blob);
          expect(read).toMatchObject({ keyId, serial, principals, kind: 1, keyBlob: key.blob });
          expect(read.validBeforeS - read.validAfterS).toBe(60n);
          expect(read.caBlob.equals(authority.blob)).toBe(true);
          expect(isSignedByItsCa(read)).toBe(true);
          // The last 64 bytes are the signature proper.
          const changed = Buffer.from(blob);
          changed.writeUInt8(changed.readUInt8(changed.length - 40) ^ 1, changed.length - 40);
          expect(isSignedByItsCa(parseUserCertificate(changed))).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is read by ssh-keygen, its extensions in order', () => {
    const certificate = issueUserCertificate(authority, {
      keyBlob: key.blob,
      keyId: 'operator=alice,session=s-1',
      serial: 2n ** 64n - 1n,
      principals: ['deploy'],
      validAfterMs: Date.parse('2026-01-01T00:00:00Z'),
      validBeforeMs: Date.parse('2026-01-01T00:10:00Z'),
      extensions: ['permit-pty', 'permit-agent-forwarding'],
    });
    const path = join(temporaryDirectory(), 'certificate.pub');
    writeFileSync(path, `ssh-ed25519-cert-v01@openssh.com ${certificate.toString('base64')}\n`);
    const env = { ...process.env, TZ: 'UTC' };
    const shown = execFileSync('ssh-keygen', ['-L', '-f', path], { env, encoding: 'utf8' });
    expect(shown).toContain('Key ID: "operator=alice,session=s-1"');
    expect(shown).toContain('Serial: 18446744073709551615');
    expect(shown).toContain('Valid: from 2026-01-01T00:00:00 to 2026-01-01T00:10:00');
    expect(shown).toMatch(
      /Principals:\s+deploy\s+Critical Options: \(none\)\s+Extensions:\s+permit-agent-forwarding\s+permit-pty\s/,
    );
  });
});

describe('a key to sign with', () => {
  it('is no other kind of key, and no public one', () => {
    for (const text of ['', 'ssh-ed25519 AAAA', generateSshKey('x').publicLine])
      expect(() => signingKeyOf(text)).toThrow('This is not an unencrypted Ed25519 private key.');
  });
});
