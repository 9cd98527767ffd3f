import { readFileSync } from 'node:fs';
import { createPrivateCa } from '../../shared/tls/private-ca.ts';
import { createTemporaryDirectory } from './temporary-directory.ts';

/** A private authority and a server certificate of it for `localhost`, `127.0.0.1` and what was asked for, in PEM. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A fresh {@link TestCertificate}. */
export async function createTestCertificate(
  authorityName = 'Test Authority',
  furtherHosts: readonly string[] = [],
): Promise<TestCertificate> {
  const { path, remove } = createTemporaryDirectory();
  try {
    const files = await createPrivateCa(path, {
      commonName: authorityName,
      hosts: ['localhost', '127.0.0.1', ...furtherHosts],
    });
    const read = (file: string) => readFileSync(file, 'utf8');
    return { ca: read(files.ca), cert: read(files.certificate), key: read(files.key) };
  } finally {
    remove();
  }
}
