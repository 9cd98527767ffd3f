import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBastionName, parseDestination } from '../../../proxy/tunnels/destination.ts';

describe('a destination', () => {
  it.each([
    ['web-1.acme', 'web-1', 'acme'],
    ['db.internal.acme', 'db.internal', 'acme'],
    ['WEB-1.ACME', 'WEB-1', 'acme'],
    ['web_1.acme', 'web_1', 'acme'],
  ])('%s is host %s of bastion %s', (text, host, bastion) => {
    expect(parseDestination(text)).toEqual({ host, bastion });
  });

  it.each([
    '',
    'acme',
    '.acme',
    'web-1.',
    'web 1.acme',
    '10.0.0.1:22',
    'web-1.ac_me',
    '-x.acme',
    'a..acme/..',
    '::1',
  ])('%j is refused', (text) => {
    expect(() => parseDestination(text)).toThrow(expect.objectContaining({ code: 'destination.invalid' }));
  });

  it('is read the same way whatever the letters, or refused, and never anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        try {
          const { host, bastion } = parseDestination(text);
          expect(`${host}.${bastion}`.toLowerCase()).toBe(text.toLowerCase());
          expect(isBastionName(bastion)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'destination.invalid' });
        }
      }),
    );
  });
});
