import { describe, expect, it } from 'vitest';
import { parseByteSize } from '../../../shared/config/byte-size.ts';

describe('a size', () => {
  it.each([
    ['100 B', 100],
    ['512 KiB', 524_288],
    ['16MiB', 16_777_216],
    ['1.5 GB', 1_500_000_000],
    ['2 GiB', 2_147_483_648],
    ['1kB', 1000],
  ])('reads %j as %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', '100', 'MiB', '-1 B', '1 mib', '1 constructor', '99999999 TiB', '1,5 GB'])(
    'refuses %j',
    (text) => {
      expect(() => parseByteSize(text)).toThrow(expect.objectContaining({ code: 'usage.size' }));
    },
  );
});
