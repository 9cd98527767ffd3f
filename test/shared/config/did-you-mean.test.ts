import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../../shared/config/did-you-mean.ts';

describe('a suggestion for a misspelt word', () => {
  it('is the nearest known one', () => {
    expect(nearest('prot', ['host', 'port'])).toBe('port');
    expect(nearest('publicurl', ['publicUrl', 'name'])).toBe('publicUrl');
    expect(nearest('certificat', ['certificate', 'key'])).toBe('certificate');
  });

  it('is not made when nothing is near', () => {
    expect(nearest('banana', ['host', 'port'])).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });

  it('rests on a distance that is zero only for the same word, and the same both ways', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, a)).toBe(0);
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
