import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { isSignedByItsCa, parseUserCertificate } from '../../../shared/ssh/certificate.ts';
import { parsePublicLine } from '../../../shared/ssh/keys.ts';
import { verifyWholeSignature } from '../../../shared/ssh/user-key.ts';
import { WireWriter } from '../../../shared/ssh/wire.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { certificateBytes, certify, makeKey } from '../../support/user-certificates.ts';

const ED25519 = 'sk-ssh-ed25519@openssh.com';
const ECDSA = 'sk-ecdsa-sha2-nistp256@openssh.com';
const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest();
const part = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');

/** Keys as a token would hold them, with the signatures that it would make. */
function token(type: string) {
  const pair = type === ED25519 ? freshEd25519() : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = pair.publicKey.export({ format: 'jwk' });
  const key = new WireWriter().string(type);
  if (type === ED25519) key.string(part(x));
  else key.string('nistp256').string(Buffer.concat([Buffer.of(4), part(x), part(y)]));
  const blob = key.string('ssh:').finish();
  return {
    line: `${type} ${blob.toString('base64')}`,
    signature(data: Buffer, flags: number): Buffer {
      const trailer = Buffer.of(flags, 0, 0, 0, 9);
      const signed = Buffer.concat([sha256('ssh:'), trailer, sha256(data)]);
      if (type === ED25519)
        return new WireWriter()
          .string(type)
          .string(sign(null, signed, pair.privateKey))
          .raw(trailer)
          .finish();
      const raw = sign('sha256', signed, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
      const integer = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(0), bytes]);
      const both = new WireWriter().string(integer(raw.subarray(0, 32))).string(integer(raw.subarray(32)));
      return new WireWriter().string(type).string(both.finish()).raw(trailer).finish();
    },
  };
}

describe('a certificate of a hardware key', () => {
  it.each([ED25519, ECDSA])('holds a key whose signatures say what the hardware saw: %s', (type) => {
    const dir = temporaryDirectory();
    const ca = makeKey(dir, 'ca');
    const { line, signature } = token(type);
    const path = join(dir, 'hardware');
    writeFileSync(`${path}.pub`, `${line}\n`);
    const { fingerprint } = parsePublicLine(line);
    const options = ['-n', 'alice', '-O', 'verify-required'];
    const certified = certify(ca, { path, publicLine: line, fingerprint }, options);
    const certificate = parseUserCertificate(certificateBytes(certified));
    expect(certificate).toMatchObject({ keyType: type, keyFingerprint: fingerprint });
    expect(isSignedByItsCa(certificate)).toBe(true);
    const data = Buffer.from('what is signed');
    const facts = (flags: number, named = type) =>
      verifyWholeSignature(certificate.keyBlob, signature(data, flags), data, named);
    expect(facts(0)).toEqual({ userPresent: false, userVerified: false });
    expect(facts(1)).toEqual({ userPresent: true, userVerified: false });
    expect(facts(5)).toEqual({ userPresent: true, userVerified: true });
    expect(facts(5, 'ssh-ed25519')).toBeUndefined();
    const changed = signature(data, 1);
    changed[changed.length - 5] = 5;
    expect(verifyWholeSignature(certificate.keyBlob, changed, data, type)).toBeUndefined();
  });
});
