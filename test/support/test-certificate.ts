import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryDirectory } from './temporary-directory.ts';

/** A private authority and a server certificate of it for `localhost` and `127.0.0.1`, in PEM. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A fresh {@link TestCertificate}, valid for a day. */
export async function createTestCertificate(authorityName = 'Test Authority'): Promise<TestCertificate> {
  const { path, remove } = createTemporaryDirectory();
  try {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: path, stdio: 'pipe' });
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    writeFileSync(join(path, 'ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '1',
      '-subj',
      `/CN=${authorityName}`,
    );
    openssl('req', ...newKey, '-keyout', 'key.pem', '-out', 'csr.pem', '-subj', '/CN=localhost');
    openssl(
      'x509',
      '-req',
      '-in',
      'csr.pem',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-set_serial',
      '2',
      '-days',
      '1',
      '-extfile',
      'ext',
      '-out',
      'cert.pem',
    );
    const read = (name: string) => readFileSync(join(path, name), 'utf8');
    return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
  } finally {
    remove();
  }
}
