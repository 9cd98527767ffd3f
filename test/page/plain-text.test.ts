import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainText } from '../../bastion/page/src/ui/plain-text.ts';

describe('text that the page draws', () => {
  test.each([
    ['alice', 'alice'],
    ['ingest \u2713 Zürich 東京 שלום', 'ingest \u2713 Zürich 東京 שלום'],
    ['two\nlines\tand a tab', 'two\nlines\tand a tab'],
    ['report\u202Efdp.exe', 'report\\u202efdp.exe'],
    ['web\u200B-1', 'web\\u200b-1'],
    ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007'],
    ['a\rb\u0085c\u2028d', 'a\\u000db\\u0085c\\u2028d'],
  ])('%j is drawn as %j', (given, drawn) => {
    expect(plainText(given)).toBe(drawn);
  });

  test('has nothing left that hides or turns, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(plainText(text)).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b]/u);
        expect(plainText(plainText(text))).toBe(plainText(text));
      }),
    );
  });
});
