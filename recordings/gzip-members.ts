import { promisify } from 'node:util';
import { gunzip, gzipSync } from 'node:zlib';
import { DrawbridgeError } from '../shared/errors.ts';

/** Content of one member: what a seek has to unpack at most. */
export const MEMBER_CONTENT_BYTES = 1024 * 1024;

/** Largest member that is read back: incompressible content with room for gzip's own bytes. */
const MEMBER_LIMIT_BYTES = MEMBER_CONTENT_BYTES + 64 * 1024;

/** Fixed header of gzip (RFC 1952), then an extra field with one subfield of ours. */
const FIXED_HEADER_BYTES = 10;
const SUBFIELD_DATA_BYTES = 8;
const EXTRA_BYTES = 4 + SUBFIELD_DATA_BYTES;

/** Bytes before the compressed data of a member. */
export const MEMBER_HEADER_BYTES = FIXED_HEADER_BYTES + 2 + EXTRA_BYTES;

const FLAG_EXTRA = 0x04;
const SUBFIELD_ID = [0x44, 0x42] as const;
const OWN_HEADER = Buffer.from([0x1f, 0x8b, 8, FLAG_EXTRA, 0, 0, 0, 0, 0, 0xff, EXTRA_BYTES, 0]);

const unzip = promisify(gunzip);

/** Where one member lies in its file, and which content it holds. All in bytes. */
export interface Member {
  readonly at: number;
  readonly sizeBytes: number;
  readonly contentAt: number;
  readonly contentBytes: number;
}

/**
 * One gzip member that says in its header how long it is and how much it holds, so that a reader can step from member
 * to member without unpacking any. `zcat` and every other gunzip read a file of such members as one stream.
 */
export function gzipMember(content: Buffer): Buffer {
  const packed = gzipSync(content, { level: 6 }).subarray(FIXED_HEADER_BYTES);
  const header = Buffer.alloc(MEMBER_HEADER_BYTES);
  OWN_HEADER.copy(header);
  header.writeUInt8(SUBFIELD_ID[0], FIXED_HEADER_BYTES + 2);
  header.writeUInt8(SUBFIELD_ID[1], FIXED_HEADER_BYTES + 3);
  header.writeUInt16LE(SUBFIELD_DATA_BYTES, FIXED_HEADER_BYTES + 4);
  header.writeUInt32LE(header.length + packed.length, FIXED_HEADER_BYTES + 6);
  header.writeUInt32LE(content.length, FIXED_HEADER_BYTES + 10);
  return Buffer.concat([header, packed]);
}

/** Sizes that the header of a member states. @throws `recording.malformed` when it is no member of ours. */
export function readMemberHeader(header: Buffer): {
  readonly sizeBytes: number;
  readonly contentBytes: number;
} {
  const isOurs =
    header.length === MEMBER_HEADER_BYTES &&
    header.subarray(0, OWN_HEADER.length).equals(OWN_HEADER) &&
    header[FIXED_HEADER_BYTES + 2] === SUBFIELD_ID[0] &&
    header[FIXED_HEADER_BYTES + 3] === SUBFIELD_ID[1] &&
    header.readUInt16LE(FIXED_HEADER_BYTES + 4) === SUBFIELD_DATA_BYTES;
  if (!isOurs) throw malformed();
  const sizeBytes = header.readUInt32LE(FIXED_HEADER_BYTES + 6);
  const contentBytes = header.readUInt32LE(FIXED_HEADER_BYTES + 10);
  const fits =
    sizeBytes > MEMBER_HEADER_BYTES &&
    sizeBytes <= MEMBER_LIMIT_BYTES &&
    contentBytes > 0 &&
    contentBytes <= MEMBER_CONTENT_BYTES;
  if (!fits) throw malformed();
  return { sizeBytes, contentBytes };
}

/** Content of a member. @throws `recording.malformed` when its checksum or its length is wrong. */
export async function unpackMember(packed: Buffer, contentBytes: number): Promise<Buffer> {
  try {
    const content = await unzip(packed, { maxOutputLength: MEMBER_CONTENT_BYTES });
    if (content.length === contentBytes) return content;
  } catch (error) {
    throw malformed(error);
  }
  throw malformed();
}

function malformed(cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('recording.malformed', 'The compressed recording is damaged.', {
    hint: 'Check it against the audit log: drawbridge recordings verify.',
    cause,
  });
}
