import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { DrawbridgeError } from '../../shared/errors.ts';
import { MAX_PACKET_BYTES } from './protocol.ts';

const LENGTH_BYTES = 4;

/**
 * Answers packets one after the other until the input ends: a client that does not read its answers is not read
 * from either.
 * @throws `sftp.malformed` when a packet is too long.
 */
export async function servePackets(
  input: Readable,
  output: Writable,
  handle: (packet: Buffer) => Promise<Buffer>,
): Promise<void> {
  for await (const packet of packetsOf(input)) {
    const answer = await handle(packet);
    const head = Buffer.allocUnsafe(LENGTH_BYTES);
    head.writeUInt32BE(answer.length);
    if (!output.write(Buffer.concat([head, answer]))) await once(output, 'drain');
  }
}

/** The packets in a stream, without their lengths. A last one that is incomplete is dropped. */
export async function* packetsOf(input: Readable): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let haveBytes = 0;
  for await (const chunk of input) {
    if (!Buffer.isBuffer(chunk)) continue;
    chunks.push(chunk);
    haveBytes += chunk.length;
    if (haveBytes < LENGTH_BYTES) continue;
    let bytes = chunks.length === 1 ? chunk : undefined;
    const needed = LENGTH_BYTES + lengthOf(chunks);
    if (haveBytes < needed) continue;
    bytes ??= Buffer.concat(chunks);
    while (bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + checkedLength(bytes);
      if (bytes.length < end) break;
      yield bytes.subarray(LENGTH_BYTES, end);
      bytes = bytes.subarray(end);
    }
    chunks = bytes.length === 0 ? [] : [bytes];
    haveBytes = bytes.length;
  }
}

/** Length of the packet at the head of the chunks, of which there are enough bytes to know it. */
function lengthOf(chunks: readonly Buffer[]): number {
  const [first] = chunks;
  if (first !== undefined && first.length >= LENGTH_BYTES) return checkedLength(first);
  return checkedLength(Buffer.concat(chunks.slice(0, LENGTH_BYTES)));
}

function checkedLength(bytes: Buffer): number {
  const length = bytes.readUInt32BE();
  if (length <= MAX_PACKET_BYTES) return length;
  throw new DrawbridgeError('sftp.malformed', `An SFTP packet of ${length} bytes is too long.`);
}
