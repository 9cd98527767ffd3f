import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteAccount } from '../../../bastion/evidence/byte-account.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('ByteAccount', () => {
  it('counts and hashes each direction for itself, however the bytes are cut', () => {
    const chunks = fc.array(fc.tuple(fc.constantFrom<'in' | 'out'>('in', 'out'), fc.uint8Array()));
    fc.assert(
      fc.property(chunks, (crossed) => {
        const account = new ByteAccount();
        for (const [direction, chunk] of crossed) account.add(direction, chunk);
        const all = (wanted: string) =>
          Buffer.concat(crossed.filter(([direction]) => direction === wanted).map(([, chunk]) => chunk));
        expect(account.result()).toEqual({
          bytesIn: all('in').length,
          bytesOut: all('out').length,
          sha256In: sha256(all('in')),
          sha256Out: sha256(all('out')),
        });
      }),
    );
  });

  it('can be read in between', () => {
    const account = new ByteAccount();
    account.add('out', Buffer.from('a'));
    expect(account.result().sha256Out).toBe(sha256(Buffer.from('a')));
    account.add('out', Buffer.from('b'));
    expect(account.result().sha256Out).toBe(sha256(Buffer.from('ab')));
  });
});
