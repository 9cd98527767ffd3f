import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Size of a screen or a chunk of lines that is read back; what claims to be larger was not written by us. */
export const UNPACKED_LIMIT_BYTES = 16 * 1024 * 1024;

/** Text as it is stored in the index, where screens and lines are the largest part. */
export function packText(text: string): Promise<Uint8Array> {
  return deflate(Buffer.from(text));
}

/** @throws system errors for what is no packed text, or one larger than {@link UNPACKED_LIMIT_BYTES} */
export async function unpackText(bytes: Uint8Array): Promise<string> {
  return (await inflate(bytes, { maxOutputLength: UNPACKED_LIMIT_BYTES })).toString('utf8');
}
