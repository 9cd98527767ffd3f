import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainText } from '../../shared/plain-text.ts';

describe("a peer's text", () => {
  it('loses what a terminal would act on', () => {
    expect(plainText('Gate is\u001b[31m shut\r\nfake line\u0007')).toBe('Gate is [31m shut fake line');
    expect(plainText('a\u202egnp.exe')).toBe('a gnp.exe');
    expect(plainText('Zugriff ist gesperrt – bis 18:00 Uhr.')).toBe('Zugriff ist gesperrt – bis 18:00 Uhr.');
  });

  it('is one short line of printable characters, whatever came in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1_000 }), (text) => {
        const plain = plainText(text);
        expect(plain.length).toBeLessThanOrEqual(400);
        expect(plain).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});
