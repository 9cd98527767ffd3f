import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../../proxy/certificates/judgement.ts';
import { Revocations } from '../../../proxy/certificates/revocations.ts';
import { UserCertificates } from '../../../proxy/certificates/user-certificates.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { parseUserCertificate, type UserCertificate } from '../../../shared/ssh/certificate.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { certificateBytes, certificateFiles, certify, makeKey } from '../../support/user-certificates.ts';

const HOUR_MS = 3_600_000;

function vendor() {
  const dir = temporaryDirectory();
  const [ca, other, key] = [makeKey(dir, 'ca'), makeKey(dir, 'other-ca'), makeKey(dir, 'key')];
  let made = 0;
  const certificate = (options: readonly string[], by = ca): UserCertificate => {
    made += 1;
    return parseUserCertificate(certificateBytes(certify(by, key, options, `c${made}`)));
  };
  const judged = (
    shown: UserCertificate,
    at: { revoked?: string; nowMs?: number; username?: string; source?: string } = {},
  ) =>
    refusalOf(shown, {
      authorities: new Set([ca.fingerprint]),
      revocations: Revocations.parse(Buffer.from(at.revoked ?? '')),
      nowMs: at.nowMs ?? Date.now(),
      username: at.username ?? 'alice',
      source: at.source ?? '192.0.2.7',
    });
  return { dir, ca, other, key, certificate, judged };
}

describe('a user certificate', () => {
  it('of a listed CA lets in whom it names, within its time', () => {
    const { certificate, judged } = vendor();
    const good = certificate(['-n', 'bob,alice', '-V', '-1h:+1h']);
    expect(judged(good)).toBeUndefined();
    expect(judged(good, { username: 'carol' })).toBe('certificate_other_principal');
    expect(judged(good, { nowMs: Date.now() - 2 * HOUR_MS })).toBe('certificate_not_yet_valid');
    expect(judged(good, { nowMs: Date.now() + HOUR_MS })).toBe('certificate_expired');
    const endMs = Number(good.validBeforeS) * 1000;
    expect(judged(good, { nowMs: endMs - 1 })).toBeUndefined();
    expect(judged(good, { nowMs: endMs })).toBe('certificate_expired');
    expect(judged(certificate(['-n', 'alice', '-V', 'always:forever']))).toBeUndefined();
  });

  it.each([
    ['certificate_no_principals', []],
    ['certificate_not_for_users', ['-h', '-n', 'alice']],
    ['certificate_forced_command', ['-n', 'alice', '-O', 'force-command=id']],
    ['certificate_verify_required', ['-n', 'alice', '-O', 'verify-required']],
    ['certificate_unknown_option', ['-n', 'alice', '-O', 'critical:new@example.com=1']],
    ['certificate_other_source', ['-n', 'alice', '-O', 'source-address=198.51.100.0/24,2001:db8::/32']],
    ['certificate_unrevocable_id', ['-n', 'alice', '-I', 'two\nlines']],
  ])('is refused with %s', (reason, options) => {
    const { certificate, judged } = vendor();
    expect(judged(certificate(options))).toBe(reason);
  });

  it('that is for certain addresses lets in from those', () => {
    const { certificate, judged } = vendor();
    const bound = certificate(['-n', 'alice', '-O', 'source-address=198.51.100.0/24,192.0.2.7']);
    expect(judged(bound)).toBeUndefined();
    expect(judged(bound, { source: '192.0.2.8' })).toBe('certificate_other_source');
    expect(judged(bound, { source: 'unknown' })).toBe('certificate_other_source');
  });

  it('is refused when its source-address can not be read', () => {
    const { certificate, judged } = vendor();
    const good = certificate(['-n', 'alice', '-O', 'source-address=192.0.2.7']);
    for (const value of ['', '192.0.2.7', '\0\0\0\x0f192.0.2.7,there', '\0\0\0\0'])
      expect(
        judged({ ...good, criticalOptions: new Map([['source-address', Buffer.from(value, 'latin1')]]) }),
      ).toBe('certificate_other_source');
  });

  it('of another CA is refused, also when it claims to be of a listed one', () => {
    const { certificate, judged, ca, other } = vendor();
    const foreign = certificate(['-n', 'alice'], other);
    expect(judged(foreign)).toBe('certificate_unknown_ca');
    const claims = { ...foreign, caFingerprint: ca.fingerprint, signature: Buffer.alloc(83) };
    expect(judged(claims)).toBe('certificate_bad_signature');
  });

  it('is refused once it is revoked by serial, id, key or CA', () => {
    const { certificate, judged, ca, other, key } = vendor();
    const shown = certificate(['-n', 'alice', '-z', '7']);
    expect(judged(shown, { revoked: 'serial:07\n' })).toBe('certificate_revoked_serial');
    expect(judged(shown, { revoked: `serial: 7 ${ca.fingerprint}` })).toBe('certificate_revoked_serial');
    expect(judged(shown, { revoked: '# gone\r\nid: alice@vendor \r\n' })).toBe('certificate_revoked_key_id');
    expect(judged(shown, { revoked: key.publicLine })).toBe('certificate_revoked_key');
    expect(judged(shown, { revoked: key.fingerprint })).toBe('certificate_revoked_key');
    expect(judged(shown, { revoked: ca.fingerprint })).toBe('certificate_revoked_ca');
    const others = `serial:8\nserial:7 ${other.fingerprint}\nid:bob@vendor\n${other.publicLine}\n`;
    expect(judged(shown, { revoked: others })).toBeUndefined();
  });
});

describe('the files', () => {
  it('are read again when they change, and while one is not right nobody gets in', async () => {
    const { dir, ca, other, certificate } = vendor();
    const files = certificateFiles(dir, [ca]);
    const certificates = await UserCertificates.open(
      { ...files, oneTimeCode: 'required' },
      { clock: systemClock, log: silentLogger() },
    );
    const shown = certificate(['-n', 'alice', '-z', '7']);
    const fault = () => certificates.faultOf(shown, { username: 'alice', source: '192.0.2.7' });
    expect(await fault()).toBeUndefined();
    writeFileSync(files.revoked, 'serial:7\n');
    expect(await fault()).toBe('certificate_revoked_serial');
    writeFileSync(files.revoked, 'serial:8\n');
    expect(await fault()).toBeUndefined();
    rmSync(files.revoked);
    expect(await fault()).toBe('certificate_files_unreadable');
    writeFileSync(files.revoked, '');
    expect(await fault()).toBeUndefined();
    writeFileSync(files.ca, `${other.publicLine}\n`);
    expect(await fault()).toBe('certificate_unknown_ca');
    writeFileSync(files.ca, '# none\n');
    expect(await fault()).toBe('certificate_files_unreadable');
  });

  it.each([
    ['revoked', 'serial:x', 'line 1 is no serial:'],
    ['revoked', '\nserial:1-5', 'line 2 is no serial:'],
    ['revoked', 'id:', 'line 1 is no serial:'],
    ['revoked', 'SSHKRL\n\0', 'it is a KRL that is cut short'],
    ['revoked', 'CERTIFICATE', 'line 1 is a certificate'],
    ['ca', '', 'it names no CA key'],
    ['ca', 'ssh-dss AAAAB3NzaC1kc3M=', 'a key that no certificate may be signed with'],
    ['ca', 'CERTIFICATE', 'a key that no certificate may be signed with'],
    ['ca', 'something', 'line 1 is not an SSH public key'],
  ] as const)('are refused at the start: %s with %j', async (which, text, why) => {
    const { dir, ca, key } = vendor();
    const files = certificateFiles(dir, [ca]);
    const certificate = readFileSync(certify(ca, key, ['-n', 'alice']), 'utf8');
    writeFileSync(files[which], text === 'CERTIFICATE' ? certificate : text);
    const opened = UserCertificates.open(
      { ...files, oneTimeCode: 'required' },
      { clock: systemClock, log: silentLogger() },
    );
    await expect(opened).rejects.toMatchObject({
      code: 'certificates.unreadable',
      message: expect.stringContaining(why),
    });
  });
});
