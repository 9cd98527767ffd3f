import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePublicLine } from '../../shared/ssh/keys.ts';

/** A key that real `ssh-keygen` has made. */
export interface MadeKey {
  readonly path: string;
  readonly publicLine: string;
  readonly fingerprint: string;
}

/** Makes a key pair `name` and `name.pub` in `dir`. */
export function makeKey(dir: string, name: string, type: readonly string[] = ['-t', 'ed25519']): MadeKey {
  const path = join(dir, name);
  execFileSync('ssh-keygen', ['-q', ...type, '-N', '', '-C', name, '-f', path]);
  const publicLine = readFileSync(`${path}.pub`, 'utf8').trim();
  return { path, publicLine, fingerprint: parsePublicLine(publicLine).fingerprint };
}

/**
 * Signs `key` with `ca` by real `ssh-keygen -s`; `options` are its own. Several certificates of one key get a `name` each.
 * @returns path of the certificate.
 */
export function certify(ca: MadeKey, key: MadeKey, options: readonly string[], name = 'certified'): string {
  const copy = `${key.path}-${name}`;
  copyFileSync(`${key.path}.pub`, `${copy}.pub`);
  execFileSync('ssh-keygen', ['-q', '-s', ca.path, '-I', 'alice@vendor', ...options, `${copy}.pub`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return `${copy}-cert.pub`;
}

/** The bytes of a certificate file. */
export function certificateBytes(path: string): Buffer {
  return Buffer.from(readFileSync(path, 'utf8').split(' ')[1] ?? '', 'base64');
}

/** Files for `userCertificates` that trust `cas` and revoke nothing. */
export function certificateFiles(dir: string, cas: readonly MadeKey[]): { ca: string; revoked: string } {
  const [ca, revoked] = [join(dir, 'user-ca.pub'), join(dir, 'revoked')];
  writeFileSync(ca, `# our CAs\n${cas.map((key) => key.publicLine).join('\n')}\n`);
  writeFileSync(revoked, '# nothing yet\n');
  return { ca, revoked };
}
