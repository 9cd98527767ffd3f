import { once } from 'node:events';
import type { Duplex } from 'node:stream';

export const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 0x61);

/** Writes `bytes` and ends, at the pace of the reader. */
export async function sendAll(stream: Duplex, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += PIECE.length) {
    if (!stream.write(PIECE)) await once(stream, 'drain');
  }
  stream.end();
}

/** Reads to the end; resolves with the number of bytes. */
export async function takeAll(stream: Duplex): Promise<number> {
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  await once(stream, 'end');
  return bytes;
}
