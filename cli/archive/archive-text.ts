import { isUtf8 } from 'node:buffer';
import type { TarEntry } from '../../shared/archive/tar.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { TEXT_LIMIT_BYTES } from './format.ts';

const NEWLINE = 0x0a;

/** A file of lines from an archive. */
export interface ArchiveLines {
  /** Undefined where a line is not UTF-8: read leniently, it could pass for another one. */
  readonly lines: readonly (string | undefined)[];
  /** The last line has its end. */
  readonly isWhole: boolean;
  /** Where a line begins, in bytes. */
  offsetOf(index: number): number;
}

/** @throws `archive.unreadable` when the file is too large, or not UTF-8 */
export async function textOf(entry: TarEntry): Promise<string> {
  const bytes = await bytesOf(entry);
  if (!isUtf8(bytes)) throw new DrawbridgeError('archive.unreadable', `${entry.name} is not UTF-8.`);
  return bytes.toString('utf8');
}

/** @throws `archive.unreadable` when the file is too large */
export async function linesOf(entry: TarEntry): Promise<ArchiveLines> {
  const bytes = await bytesOf(entry);
  const isWhole = bytes.length === 0 || bytes.at(-1) === NEWLINE;
  // Where lines begin costs time to find out, and only a fault asks for it.
  const offsetOf = (index: number) => offsetIn(bytes, index);
  if (!isUtf8(bytes)) return { lines: piecesOf(bytes).map(strict), isWhole, offsetOf };
  const lines = bytes.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { lines, isWhole, offsetOf };
}

/** The value of a JSON text, or undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function bytesOf(entry: TarEntry): Promise<Buffer> {
  if (entry.sizeBytes > TEXT_LIMIT_BYTES) {
    throw new DrawbridgeError('archive.unreadable', `${entry.name} has more than ${TEXT_LIMIT_BYTES} bytes.`);
  }
  const pieces: Buffer[] = [];
  for await (const piece of entry.content) pieces.push(piece);
  return Buffer.concat(pieces);
}

function piecesOf(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    pieces.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return pieces;
}

function strict(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

function offsetIn(bytes: Buffer, index: number): number {
  let offset = 0;
  for (let line = 0; line < index; line++) {
    const newline = bytes.indexOf(NEWLINE, offset);
    if (newline === -1) return offset;
    offset = newline + 1;
  }
  return offset;
}
