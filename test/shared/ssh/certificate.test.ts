import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CERTIFICATE_LIMIT_BYTES,
  isSignedByItsCa,
  parseUserCertificate,
  signatureAlgorithmFor,
} from '../../../shared/ssh/certificate.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { certificateBytes, certify, makeKey } from '../../support/user-certificates.ts';

const TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['ed25519', ['-t', 'ed25519']],
  ['ecdsa-256', ['-t', 'ecdsa', '-b', '256']],
  ['ecdsa-384', ['-t', 'ecdsa', '-b', '384']],
  ['ecdsa-521', ['-t', 'ecdsa', '-b', '521']],
  ['rsa', ['-t', 'rsa', '-b', '2048']],
];

const WIDE = ['-n', 'alice,bob', '-z', '18446744073709551615', '-V', '-1m:+1h', '-O', 'source-address=::1'];

function wide() {
  const dir = temporaryDirectory();
  const [ca, key] = [makeKey(dir, 'ca'), makeKey(dir, 'key')];
  return { dir, ca, key, bytes: certificateBytes(certify(ca, key, WIDE)) };
}

function isGood(bytes: Buffer): boolean {
  try {
    return isSignedByItsCa(parseUserCertificate(bytes));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ssh.invalid_certificate' });
    return false;
  }
}

describe('a certificate made by ssh-keygen', () => {
  it.each(TYPES)('with a CA and a key of type %s is read, and its signature is right', (_name, type) => {
    const dir = temporaryDirectory();
    const [ca, key] = [makeKey(dir, 'ca', type), makeKey(dir, 'key', type)];
    const certificate = parseUserCertificate(certificateBytes(certify(ca, key, WIDE)));
    expect(certificate).toMatchObject({
      keyFingerprint: key.fingerprint,
      caFingerprint: ca.fingerprint,
      keyId: 'alice@vendor',
      serial: 18446744073709551615n,
      kind: 1,
      principals: ['alice', 'bob'],
    });
    expect([...certificate.criticalOptions.keys()]).toEqual(['source-address']);
    expect(isSignedByItsCa(certificate)).toBe(true);
  });

  it('does not count when an RSA CA has signed with SHA-1', () => {
    const dir = temporaryDirectory();
    const ca = makeKey(dir, 'ca', ['-t', 'rsa', '-b', '2048']);
    const key = makeKey(dir, 'key');
    expect(isGood(certificateBytes(certify(ca, key, ['-n', 'alice', '-t', 'ssh-rsa'], 'sha1')))).toBe(false);
    expect(isGood(certificateBytes(certify(ca, key, ['-n', 'alice', '-t', 'rsa-sha2-256'], 'sha2')))).toBe(
      true,
    );
  });
});

describe('bytes that are no certificate', () => {
  it('are refused, or their signature is, whichever byte of a good one is changed', () => {
    const { bytes } = wide();
    expect(isGood(bytes)).toBe(true);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(isGood(changed), `byte ${at}`).toBe(false);
    }
  });

  it('are refused wherever a good one is cut off, and with anything behind it', () => {
    const { bytes } = wide();
    for (let end = 0; end < bytes.length; end++) expect(isGood(bytes.subarray(0, end))).toBe(false);
    expect(isGood(Buffer.concat([bytes, Buffer.of(0)]))).toBe(false);
  });

  it('are never answered with another error than the refusal', () => {
    const { bytes } = wide();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(bytes.length - 32), (noise, at) => {
        expect(isGood(Buffer.concat([bytes.subarray(0, at), noise]))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('are not even read when they are too long', () => {
    expect(isGood(Buffer.alloc(CERTIFICATE_LIMIT_BYTES + 1))).toBe(false);
  });
});

describe('the signature that has to come with a certificate', () => {
  it('is that of the plain key, and for RSA never SHA-1', () => {
    const rsa = 'ssh-rsa-cert-v01@openssh.com';
    const ed25519 = 'ssh-ed25519-cert-v01@openssh.com';
    expect(signatureAlgorithmFor(ed25519, ed25519)).toBe('ssh-ed25519');
    expect(signatureAlgorithmFor(rsa, 'rsa-sha2-512-cert-v01@openssh.com')).toBe('rsa-sha2-512');
    expect(signatureAlgorithmFor(rsa, rsa)).toBeUndefined();
    expect(signatureAlgorithmFor(ed25519, rsa)).toBeUndefined();
    expect(signatureAlgorithmFor('ssh-dss-cert-v01@openssh.com', 'ssh-dss-cert-v01@openssh.com')).toBe(
      undefined,
    );
  });
});
