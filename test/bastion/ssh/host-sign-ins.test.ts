import { describe, expect, it } from 'vitest';
import { type Host, lostConnection } from '../../../bastion/hosts/host.ts';
import {
  CERTIFICATE_AGAIN_MS,
  CERTIFICATE_LEEWAY_MS,
  HostSignIns,
  REMEMBERED_MAX,
} from '../../../bastion/ssh/host-sign-ins.ts';
import { silentLogger } from '../../../shared/log.ts';
import { isSignedByItsCa, parseUserCertificate } from '../../../shared/ssh/certificate.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const client = generateSshKey('client');
const NAME = { operator: 'alice', session: 's-1' };

function host(id: string, target: Host['target'] = 'sshd'): Host {
  const connect = () => Promise.reject(new Error('nobody is there'));
  return {
    id,
    name: id,
    labels: {},
    via: 'agent',
    target,
    online: true,
    loss: () => lostConnection(id),
    connect,
  };
}

function signIns(clock = new FakeClock()) {
  return new HostSignIns({ privateKey: client.privateKey, bastionName: 'acme', clock, log: silentLogger() });
}

describe('how the bastion signs in on hosts', () => {
  it('makes a certificate of its own for each session, good for one account and for minutes', () => {
    const clock = new FakeClock();
    const all = signIns(clock);
    const [one, two] = [1, 2].map(() => all.certificate(host('a-1'), 'deploy', NAME)?.certificate);
    const read = parseUserCertificate(one ?? Buffer.alloc(0));
    expect(read).toMatchObject({ keyId: 'operator=alice,session=s-1,bastion=acme', principals: ['deploy'] });
    expect(read.caBlob.equals(parsePublicLine(client.publicLine).blob)).toBe(true);
    expect(isSignedByItsCa(read)).toBe(true);
    const now = BigInt(clock.nowMs()) / 1000n;
    const leeway = BigInt(CERTIFICATE_LEEWAY_MS / 1000);
    expect([read.validAfterS, read.validBeforeS]).toEqual([now - leeway, now + leeway]);
    const other = parseUserCertificate(two ?? Buffer.alloc(0));
    expect(other.serial).not.toBe(read.serial);
    expect(other.keyFingerprint).not.toBe(read.keyFingerprint);
  });

  it('lets no name look like the rest of a line in a log', () => {
    const operator = 'eve (serial 1) CA x\nAccepted,session=s-0 \u{1F600}\ud800';
    const made = signIns().certificate(host('a-1'), 'deploy', { operator, session: 's-1' });
    const { keyId } = parseUserCertificate(made?.certificate ?? Buffer.alloc(0));
    expect(keyId).toMatch(/^operator=[A-Za-z0-9%()._-]+,session=s-1,bastion=acme$/);
    const mail = signIns().certificate(host('a-1'), 'x', { operator: 'a.b+c@vendor.example', session: 's' });
    expect(parseUserCertificate(mail?.certificate ?? Buffer.alloc(0)).keyId).toContain(
      'a.b+c@vendor.example,',
    );
  });

  it('shows none to a builtin shell, which is told the operator by the bastion', () => {
    const all = signIns();
    expect(all.certificate(host('a-1', 'builtin'), 'deploy', NAME)).toBeUndefined();
    all.remember(host('a-1', 'builtin'), 'deploy', 'key');
    expect(all.byHost().size).toBe(0);
  });

  it('leaves it out for a while where the plain key was wanted, account by account', () => {
    const clock = new FakeClock();
    const all = signIns(clock);
    all.remember(host('a-1'), 'deploy', 'key');
    expect(all.certificate(host('a-1'), 'deploy', NAME)).toBeUndefined();
    expect(all.certificate(host('a-1'), 'root', NAME)).toBeDefined();
    expect(all.certificate(host('a-2'), 'deploy', NAME)).toBeDefined();
    // Signing in meanwhile does not put it off.
    clock.advance(CERTIFICATE_AGAIN_MS / 2);
    all.remember(host('a-1'), 'deploy', 'key');
    clock.advance(CERTIFICATE_AGAIN_MS / 2);
    expect(all.certificate(host('a-1'), 'deploy', NAME)).toBeDefined();
    all.remember(host('a-1'), 'deploy', 'certificate');
    expect(all.byHost().get('a-1')).toBe('certificate');
    // A clock that was set back does not leave it out for long.
    all.remember(host('a-1'), 'deploy', 'key');
    clock.jumpTo(clock.nowMs() - 24 * 3_600_000);
    expect(all.certificate(host('a-1'), 'deploy', NAME)).toBeDefined();
  });

  it('says of a host that it wants the key when one account of it does', () => {
    const all = signIns();
    all.remember(host('a-1'), 'deploy', 'certificate');
    all.remember(host('a-1'), 'root', 'key');
    all.remember(host('a-1'), 'www', 'certificate');
    all.remember(host('a-2'), 'deploy', 'certificate');
    expect([...all.byHost()]).toEqual([
      ['a-1', 'key'],
      ['a-2', 'certificate'],
    ]);
  });

  it('forgets the oldest of very many', () => {
    const all = signIns();
    for (let index = 0; index <= REMEMBERED_MAX; index++)
      all.remember(host(`a-${index}`), 'x', 'certificate');
    expect(all.byHost().size).toBe(REMEMBERED_MAX);
    expect(all.byHost().has('a-0')).toBe(false);
  });
});
