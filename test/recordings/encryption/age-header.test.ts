import { randomBytes } from 'node:crypto';
import { Decrypter } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aboutInHeader, ageHeader, ageHeaderLength } from '../../../recordings/encryption/age-header.ts';
import { generateAgeKeyPair } from '../../../recordings/encryption/age-identity.ts';
import { parseAgeRecipient } from '../../../recordings/encryption/age-recipient.ts';

describe('ageHeader', () => {
  it('gives the file key to each of the recipients, and to nobody else', async () => {
    const pairs = await Promise.all([1, 2, 3].map(generateAgeKeyPair));
    const stranger = await generateAgeKeyPair();
    const fileKey = randomBytes(16);
    const recipients = pairs.map(({ recipient }) => parseAgeRecipient(recipient));
    const header = ageHeader(recipients, fileKey, { session: 's-1' });
    for (const { identity } of pairs) {
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      expect(Buffer.from(await decrypter.decryptHeader(header))).toEqual(fileKey);
    }
    const other = new Decrypter();
    other.addIdentity(stranger.identity);
    await expect(other.decryptHeader(header)).rejects.toThrow();
  });

  it('says in the clear what it was given, whatever it is', async () => {
    const { identity, recipient } = await generateAgeKeyPair();
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.string({ unit: 'binary' })), async (about) => {
        const header = ageHeader([parseAgeRecipient(recipient)], randomBytes(16), about);
        expect(aboutInHeader(header)).toEqual({ ...about });
        expect(ageHeaderLength(Buffer.concat([header, randomBytes(40)]))).toBe(header.length);
        await decrypter.decryptHeader(header);
      }),
      { numRuns: 25 },
    );
  });

  it('is not taken by who has the key when what it says was changed', async () => {
    const { identity, recipient } = await generateAgeKeyPair();
    const header = ageHeader([parseAgeRecipient(recipient)], randomBytes(16), { operator: 'alice' });
    const forged = Buffer.from(
      header
        .toString()
        .replace(
          Buffer.from('{"operator":"alice"}').toString('base64').replaceAll('=', ''),
          Buffer.from('{"operator":"maggy"}').toString('base64').replaceAll('=', ''),
        ),
    );
    expect(aboutInHeader(forged)).toEqual({ operator: 'maggy' });
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    await expect(decrypter.decryptHeader(forged)).rejects.toThrow();
  });

  it('is refused when it would be too large to be read back', async () => {
    const { recipient } = await generateAgeKeyPair();
    const about = { command: 'x'.repeat(70_000) };
    expect(() => ageHeader([parseAgeRecipient(recipient)], randomBytes(16), about)).toThrow(/header/);
  });
});

describe('aboutInHeader', () => {
  it.each([
    '',
    'age-encryption.org/v1\n--- abc\n',
    'age-encryption.org/v1\n-> drawbridge-about v1\n!!\n--- a\n',
  ])('is nothing in %j', (text) => {
    expect(aboutInHeader(Buffer.from(text))).toBeUndefined();
  });
});

describe('parseAgeRecipient', () => {
  it.each([
    ['nothing', ''],
    ['something else', 'ssh-ed25519 AAAA'],
    ['a wrong checksum', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q'],
    ['a point of low order', 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq'],
  ])('refuses %s', (_what, text) => {
    expect(() => parseAgeRecipient(text)).toThrow(
      expect.objectContaining({ code: 'recording.recipient_invalid' }),
    );
  });

  it('says so when it is given a private key, and does not repeat it', async () => {
    const { identity } = await generateAgeKeyPair();
    try {
      parseAgeRecipient(identity);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toContain('private key');
      expect(String(error)).not.toContain(identity);
    }
  });
});
