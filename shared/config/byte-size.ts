import { DrawbridgeError } from '../errors.ts';

const UNITS_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Reads a size as people write it: `512 KiB`, `16MiB`, `1.5 GB`, `100 B`.
 * @returns a whole number of bytes
 * @throws `usage.size`
 */
export function parseByteSize(text: string): number {
  const [, amount, unit] = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]{1,3})$/.exec(text.trim()) ?? [];
  const unitBytes = unit !== undefined && Object.hasOwn(UNITS_BYTES, unit) ? UNITS_BYTES[unit] : undefined;
  const bytes =
    amount === undefined || unitBytes === undefined ? Number.NaN : Math.round(Number(amount) * unitBytes);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new DrawbridgeError('usage.size', 'This is not a size.', {
    hint: "Write a number and a unit: '512 KiB', '16 MiB', '1.5 GB' or '100 B'.",
  });
}
