import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  isIdOfThumbprint,
  nodeIdOf,
  parsePublicJwk,
  sshFingerprintOf,
  thumbprintOf,
} from '../../../shared/identity/keys.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** The key of RFC 8037, appendix A. */
const RFC_KEY = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } as const;
const RFC_THUMBPRINT = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';

describe('a public key', () => {
  it('has the thumbprint that RFC 8037 gives', () => {
    expect(thumbprintOf(RFC_KEY)).toBe(RFC_THUMBPRINT);
  });

  it('has the fingerprint that ssh-keygen gives', () => {
    const path = join(temporaryDirectory(), 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
    const fingerprint = execFileSync('ssh-keygen', ['-lf', path]).toString().split(' ')[1];
    const blob = Buffer.from(readFileSync(`${path}.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
    const x = blob.subarray(-32).toString('base64url');
    expect(sshFingerprintOf(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x }))).toBe(fingerprint);
  });

  it('gives the id of a role, by 80 bits of the thumbprint in base32', async () => {
    // 90 fa ca fe a9 b1 55 66 98 54 in the alphabet of RFC 4648, by hand.
    expect(nodeIdOf('proxy', RFC_THUMBPRINT)).toBe('p-sd5mv7vjwfkwngcu');
    expect(isIdOfThumbprint('b-sd5mv7vjwfkwngcu', RFC_THUMBPRINT)).toBe(true);
    expect(isIdOfThumbprint('x-sd5mv7vjwfkwngcu', RFC_THUMBPRINT)).toBe(false);
    const { thumbprint } = await createNodeIdentity(temporaryDirectory(), 'agent', 'x');
    expect(isIdOfThumbprint('b-sd5mv7vjwfkwngcu', thumbprint)).toBe(false);
  });

  it('is taken from others only if it is a public Ed25519 key and nothing else', () => {
    expect(parsePublicJwk({ ...RFC_KEY })).toEqual(RFC_KEY);
    const wrong: unknown[] = [
      null,
      'key',
      {},
      { ...RFC_KEY, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' },
      { ...RFC_KEY, crv: 'X25519' },
      { ...RFC_KEY, kty: 'EC' },
      { ...RFC_KEY, x: RFC_KEY.x.slice(1) },
      { ...RFC_KEY, x: `${RFC_KEY.x}=` },
      { ...RFC_KEY, x: `${RFC_KEY.x.slice(0, -1)}p` },
      { ...RFC_KEY, x: RFC_KEY.x.replace('_', '/') },
    ];
    for (const value of wrong) {
      expect(() => parsePublicJwk(value)).toThrow(expect.objectContaining({ code: 'identity.invalid_key' }));
    }
  });

  it('is the public half of the key in the file', async () => {
    const directory = temporaryDirectory();
    const { publicJwk } = await createNodeIdentity(directory, 'agent', 'x');
    const file = JSON.parse(readFileSync(join(directory, 'identity.json'), 'utf8'));
    expect(createPrivateKey({ key: file.privateKey, format: 'jwk' }).export({ format: 'jwk' })['x']).toBe(
      publicJwk.x,
    );
  });
});
