import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { packText, UNPACKED_LIMIT_BYTES, unpackText } from '../../../bastion/search/packed-text.ts';

it.each(['', 'a line', '\u001b[31mrot\u001b[0m €\n'.repeat(1000)])(
  'gives back what was packed',
  async (text) => {
    expect(await unpackText(await packText(text))).toBe(text);
  },
);

it('refuses what would fill the memory, and what is no packed text', async () => {
  const bomb = deflateRawSync(Buffer.alloc(UNPACKED_LIMIT_BYTES + 1));
  await expect(unpackText(bomb)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' });
  await expect(unpackText(Buffer.from('no packed text'))).rejects.toThrow();
});
