import { describe, expect, it } from 'vitest';
import type { CertificateStanding, Operators } from '../../../proxy/accounts/operators.ts';
import { OfferedCertificates } from '../../../proxy/ssh/offered-certificates.ts';
import { parseUserCertificate, type UserCertificate } from '../../../shared/ssh/certificate.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { certificateBytes, certify, makeKey } from '../../support/user-certificates.ts';

function shownCertificate(): UserCertificate {
  const dir = temporaryDirectory();
  return parseUserCertificate(
    certificateBytes(certify(makeKey(dir, 'ca'), makeKey(dir, 'key'), ['-n', 'alice'])),
  );
}

function offered(standing: CertificateStanding): OfferedCertificates {
  const operators: Pick<Operators, 'standingOfCertificate'> = {
    standingOfCertificate: () => Promise.resolve(standing),
  };
  return new OfferedCertificates(operators, '192.0.2.7');
}

const GOOD: CertificateStanding = { kind: 'good', needsCode: false, epoch: 0 };
const HARDWARE = 'sk-ssh-ed25519@openssh.com';

function judged(
  certificate: UserCertificate,
  flags: { signed?: boolean; userPresent?: boolean; userVerified?: boolean; type?: string },
) {
  const key = { signed: true, userPresent: false, userVerified: false, type: HARDWARE, ...flags };
  const { keyBlob: blob, keyFingerprint: fingerprint } = certificate;
  return offered(GOOD).judge('alice', { ...key, blob, fingerprint, certificate }, certificate);
}

describe('a certificate of a hardware key', () => {
  it('needs a touch when it signs, and a check of the person when the certificate asks for that', async () => {
    const plain = shownCertificate();
    const strict = { ...plain, criticalOptions: new Map([['verify-required', Buffer.alloc(0)]]) };
    expect(await judged(plain, { signed: false })).toMatchObject({ kind: 'good' });
    expect(await judged(plain, {})).toMatchObject({ tell: { reason: 'certificate_key_not_touched' } });
    expect(await judged(plain, { userPresent: true })).toMatchObject({ kind: 'good' });
    expect(await judged(strict, { userPresent: true })).toMatchObject({
      tell: { reason: 'certificate_verify_required' },
    });
    expect(await judged(strict, { userPresent: true, userVerified: true })).toMatchObject({ kind: 'good' });
  });
});

describe('refused certificates', () => {
  it('of our CA are told once; of a foreign one only when nothing else got the client in', async () => {
    const certificate = shownCertificate();
    const { keyBlob: blob, keyFingerprint: fingerprint, keyType: type } = certificate;
    const key = { ...{ type, blob, fingerprint, certificate }, signed: false };
    const offer = { ...key, userPresent: false, userVerified: false };
    const ours = offered({ kind: 'refused', why: 'certificate_expired' });
    expect(await ours.judge('alice', offer, certificate)).toMatchObject({
      tell: { reason: 'certificate_expired', about: { certificateId: 'alice@vendor' } },
    });
    expect(await ours.judge('alice', offer, certificate)).toEqual({ kind: 'refused' });
    const foreign = offered({ kind: 'refused', why: 'certificate_unknown_ca' });
    for (let round = 0; round < 3; round++)
      expect(await foreign.judge('alice', offer, certificate)).toEqual({ kind: 'refused' });
    expect(foreign.untold()).toEqual([
      {
        reason: 'certificate_unknown_ca',
        about: { fingerprint, caFingerprint: certificate.caFingerprint },
      },
    ]);
    expect(foreign.untold()).toEqual([]);
  });
});
