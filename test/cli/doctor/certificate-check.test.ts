import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serverCertificate } from '../../../cli/doctor/certificate-check.ts';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { createPrivateCa } from '../../../shared/tls/private-ca.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

async function look(files: { certificate: string; key: string; ca?: string }, url: string) {
  return runChecks([serverCertificate(files, url)], new AbortController().signal, () => undefined);
}

describe('the check of a certificate', () => {
  it('looks at its end, its name and its authority', async () => {
    const folder = temporaryDirectory();
    const files = await createPrivateCa(folder, {
      commonName: 'Test',
      hosts: ['bastion.example.com', '127.0.0.1'],
    });
    const { certificate, key, ca } = files;
    const own = await look({ certificate, key, ca }, 'https://bastion.example.com:8443');
    expect(own.map((finding) => finding.state)).toEqual(['ok', 'ok', 'ok']);
    expect((await look({ certificate, key, ca }, 'https://127.0.0.1')).map((one) => one.state)).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    const strange = await look({ certificate, key, ca }, 'https://other.example.com');
    expect(strange[1]).toMatchObject({ state: 'fail', text: expect.stringContaining('other.example.com') });
    const untrusted = await look({ certificate, key }, 'https://bastion.example.com');
    expect(untrusted[2]).toMatchObject({ state: 'fail', text: expect.stringContaining('does not lead') });
  });

  it('fails for a key of another certificate', async () => {
    const first = await createPrivateCa(join(temporaryDirectory(), 'a'), {
      commonName: 'A',
      hosts: ['a.example'],
    });
    const second = await createPrivateCa(join(temporaryDirectory(), 'b'), {
      commonName: 'B',
      hosts: ['a.example'],
    });
    const findings = await look({ certificate: first.certificate, key: second.key }, 'https://a.example');
    expect(findings).toMatchObject([{ state: 'fail', text: expect.stringContaining('is not that of') }]);
  });
});
