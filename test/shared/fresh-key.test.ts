import { createPublicKey, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { freshEd25519 } from '../../shared/fresh-key.ts';
import { startTypeScriptChild } from '../support/inline-child.ts';

test('a fresh key signs, and its public half is its own', () => {
  const { privateKey, publicKey } = freshEd25519();
  const data = Buffer.from('to be signed');
  expect(verify(null, data, publicKey, sign(null, data, privateKey))).toBe(true);
  expect(createPublicKey(privateKey).equals(publicKey)).toBe(true);
  expect(freshEd25519().publicKey.equals(publicKey)).toBe(false);
});

// With the keys that `generateKeyPairSync` gives, Node.js 20 stands still for good in two of three such runs; that there is
// no such key anywhere is the architecture test's to see.
test('fresh keys are exported one after the other while garbage is collected all the time', async () => {
  const child = await startTypeScriptChild(
    `
    import { freshEd25519 } from 'project/shared/fresh-key.ts';
    for (let n = 0; n < 1_500; n++) freshEd25519().privateKey.export({ format: 'jwk' });
    console.log('done');
  `,
    ['--gc-interval=37'],
  );
  const [said] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(45_000) })) as [Buffer];
  expect(said.toString()).toBe('done\n');
});
