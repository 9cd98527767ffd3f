import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineDifference } from '../../../bastion/policy/difference.ts';
import { matchesGlob } from '../../../bastion/policy/glob.ts';

describe('a pattern with *', () => {
  test('matches as a regular expression would', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), maxLength: 8 });
    const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '*'), maxLength: 6 });
    fc.assert(
      fc.property(patterns, letters, (pattern, text) => {
        const expression = pattern.replace(/[.-]/g, '\\$&').replace(/\*/g, '[^]*');
        expect(matchesGlob(pattern, text)).toBe(new RegExp(`^${expression}$`).test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('takes no noticeable time on a hostile name', () => {
    const startMs = performance.now();
    expect(matchesGlob(`${'*a'.repeat(50)}b`, 'a'.repeat(255))).toBe(false);
    // Trying all ways would take longer than anybody lives; a busy machine may take a second.
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});

describe('the difference of two texts', () => {
  test('says only what changed', () => {
    expect(lineDifference('a\nb\nc\n', 'a\nx\nc\nd\n')).toEqual(['- b', '+ x', '+ d']);
    expect(lineDifference('', 'a\n')).toEqual(['+ a']);
    expect(lineDifference('a\n', 'a\n')).toEqual([]);
  });

  test('has, for any two texts, just the lines that are not common, in order', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const difference = lineDifference(before.join('\n'), after.join('\n'));
        const removed = difference.filter((line) => line.startsWith('- ')).length;
        const added = difference.filter((line) => line.startsWith('+ ')).length;
        expect(before.length - removed).toBe(after.length - added);
      }),
    );
  });

  test('is cut when it is very long', () => {
    const difference = lineDifference(
      '',
      Array.from({ length: 5000 }, (_item, index) => `${index}`).join('\n'),
    );
    expect(difference).toHaveLength(201);
    expect(difference.at(-1)).toBe('… and 4800 more changed lines');
  });
});
