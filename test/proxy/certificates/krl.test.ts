import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Revocations } from '../../../proxy/certificates/revocations.ts';
import { SERIAL_RANGES_LIMIT, SerialRanges } from '../../../proxy/certificates/serial-ranges.ts';
import { isDrawbridgeError } from '../../../shared/errors.ts';
import { parseUserCertificate, type UserCertificate } from '../../../shared/ssh/certificate.ts';
import { WireWriter } from '../../../shared/ssh/wire.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { certificateBytes, certify, makeKey } from '../../support/user-certificates.ts';

/** A binary list as real `ssh-keygen` makes it of the lines. */
function generate(dir: string, lines: readonly string[], options: readonly string[] = []): Buffer {
  const [specification, krl] = [join(dir, 'specification'), join(dir, 'krl')];
  writeFileSync(specification, `${lines.join('\n')}\n`);
  execFileSync('ssh-keygen', ['-q', '-k', '-f', krl, ...options, specification]);
  return readFileSync(krl);
}

function vendor() {
  const dir = temporaryDirectory();
  const [ca, other, key] = [makeKey(dir, 'ca'), makeKey(dir, 'other'), makeKey(dir, 'key')];
  const shown = parseUserCertificate(certificateBytes(certify(ca, key, ['-n', 'alice', '-z', '70'])));
  const foundBy = (lines: readonly string[], by?: string): string | undefined => {
    const options = by === undefined ? [] : ['-s', by];
    return Revocations.parse(generate(dir, lines, options)).find(shown);
  };
  return { dir, ca, other, key, shown, foundBy };
}

const head = (version = 1) =>
  new WireWriter()
    .raw(Buffer.from('SSHKRL\n\0', 'latin1'))
    .uint32(version)
    .raw(Buffer.alloc(24))
    .string('')
    .string('')
    .finish();

const section = (type: number, bytes: Buffer) => new WireWriter().byte(type).string(bytes).finish();

describe('a binary list of ssh-keygen', () => {
  it('takes back by serial, id, key, CA and hash what it names, and nothing else', () => {
    const { ca, other, key, foundBy } = vendor();
    const [caFile, otherFile] = [`${ca.path}.pub`, `${other.path}.pub`];
    expect(foundBy(['serial: 70'], caFile)).toBe('serial');
    expect(foundBy(['serial: 1-100'], caFile)).toBe('serial');
    expect(foundBy(['serial: 70'], 'NONE')).toBe('serial');
    expect(foundBy(['id: alice@vendor'], caFile)).toBe('key_id');
    for (const word of ['key', 'sha1', 'sha256']) {
      expect({ word, by: foundBy([`${word}: ${key.publicLine}`]) }).toEqual({ word, by: 'key' });
      expect({ word, by: foundBy([`${word}: ${ca.publicLine}`]) }).toEqual({ word, by: 'ca' });
      expect({ word, by: foundBy([`${word}: ${other.publicLine}`]) }).toEqual({ word, by: undefined });
    }
    expect(foundBy(['serial: 1-69', 'serial: 71-100', 'id: bob@vendor'], caFile)).toBeUndefined();
    expect(foundBy(['serial: 70', 'id: alice@vendor'], otherFile)).toBeUndefined();
  });

  it('takes back just the serials in it, in whichever form they are written', () => {
    const { dir, ca, shown } = vendor();
    const serial = fc.oneof(
      fc.bigInt({ min: 1n, max: 300n }),
      fc.bigInt({ min: 2n ** 63n - 40n, max: 2n ** 63n + 40n }),
      fc.bigInt({ min: 2n ** 64n - 40n, max: 2n ** 64n - 1n }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(serial, { minLength: 1, maxLength: 120 }), (serials) => {
        const lines = serials.map((number) => `serial: ${number}`);
        const revocations = Revocations.parse(generate(dir, lines, ['-s', `${ca.path}.pub`]));
        const near = serials.flatMap((number) => [number - 1n, number, number + 1n]);
        for (const number of near) {
          const found = revocations.find({ ...shown, serial: number }) === 'serial';
          expect({ number, found }).toEqual({ number, found: serials.includes(number) });
        }
      }),
      { numRuns: 15 },
    );
  });

  it('is read or refused, whatever its bytes are, and never anything else', () => {
    const { dir, ca, key, shown } = vendor();
    const lines = ['serial: 1-9', 'serial: 12', 'serial: 14', 'id: x', `sha1: ${key.publicLine}`];
    const whole = generate(dir, lines, ['-s', `${ca.path}.pub`]);
    const bytes = fc.oneof(
      fc.nat(whole.length).map((length) => whole.subarray(0, length)),
      fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, value]) => {
        const changed = Buffer.from(whole);
        changed[at] = value;
        return changed;
      }),
      fc.uint8Array({ maxLength: 200 }).map((body) => Buffer.concat([head(), body])),
      fc.uint8Array({ maxLength: 200 }).map((body) => Buffer.from(body)),
    );
    fc.assert(
      fc.property(bytes, (list) => {
        try {
          Revocations.parse(list).find(shown);
        } catch (error) {
          expect(isDrawbridgeError(error, 'certificates.fault')).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  const extension = (critical: boolean) =>
    new WireWriter().string('new@example.com').boolean(critical).string('').finish();
  const certificates = (type: number, bytes: Buffer) =>
    section(1, Buffer.concat([new WireWriter().string('').string('').finish(), section(type, bytes)]));
  const u64 = (...numbers: bigint[]) => Buffer.from(BigUint64Array.from(numbers).buffer).swap64();

  it.each([
    ['of another format', head(2), 'of format 2'],
    ['with an unknown section', Buffer.concat([head(), section(9, Buffer.alloc(0))]), 'unknown type 9'],
    ['with a signature, which nobody checks', Buffer.concat([head(), section(4, Buffer.alloc(0))]), 'type 4'],
    ['with a critical extension', Buffer.concat([head(), section(255, extension(true))]), 'new@example.com'],
    [
      'with a critical extension for certificates',
      Buffer.concat([head(), certificates(0x39, extension(true))]),
      'new@example.com',
    ],
    [
      'with an unknown section for certificates',
      Buffer.concat([head(), certificates(0x24, Buffer.alloc(0))]),
      'section type 36',
    ],
    [
      'with a range that ends before it begins',
      Buffer.concat([head(), certificates(0x21, u64(7n, 6n))]),
      'ends before it begins',
    ],
    [
      'with a bitmap beyond the last serial',
      Buffer.concat([
        head(),
        certificates(
          0x22,
          Buffer.concat([u64(2n ** 64n - 1n), new WireWriter().string(Buffer.of(2)).finish()]),
        ),
      ]),
      'not well formed',
    ],
    [
      'with a hash of another length',
      Buffer.concat([head(), section(5, new WireWriter().string(Buffer.alloc(31)).finish())]),
      'not well formed',
    ],
    ['that is cut short', head().subarray(0, -1), 'cut short'],
  ])('%s is refused', (_, list, why) => {
    expect(() => Revocations.parse(list)).toThrow(why);
  });

  it('may have extensions that are not critical', () => {
    const list = Buffer.concat([
      head(),
      section(255, extension(false)),
      certificates(0x39, extension(false)),
    ]);
    expect(
      Revocations.parse(list).find({
        serial: 1n,
        keyId: '',
        keyBlob: Buffer.alloc(0),
        caBlob: Buffer.alloc(0),
      } as UserCertificate),
    ).toBeUndefined();
  });
});

describe('ranges of serials', () => {
  it('are found whatever order they were added in, also between questions', () => {
    const ranges = new SerialRanges();
    ranges.add(10n, 20n);
    ranges.add(5n, 12n);
    expect([4n, 5n, 20n, 21n].map((serial) => ranges.has(serial))).toEqual([false, true, true, false]);
    ranges.add(21n, 21n);
    ranges.add(0n, 0n);
    expect([0n, 1n, 21n, 22n].map((serial) => ranges.has(serial))).toEqual([true, false, true, false]);
  });

  it('are a million at most', () => {
    const ranges = new SerialRanges();
    for (let i = 0; i < SERIAL_RANGES_LIMIT; i += 1) ranges.add(0n, 0n);
    expect(() => ranges.add(1n, 1n)).toThrow('more than 1000000 serial numbers');
  });
});
