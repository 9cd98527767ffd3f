import { FieldReader, HANDLE_LIMIT_BYTES, PACKET } from './protocol.ts';

const ID_BYTES = 4;
const LENGTH_BYTES = 4;
const OFFSET_BYTES = 8;

/** What comes before the contents in DATA: id and length. */
export const DATA_HEAD_BYTES = ID_BYTES + LENGTH_BYTES;

/**
 * How much of a request to gather, given what is there: all of it, but of a WRITE id, handle, offset and length; its
 * contents are not gathered.
 */
export function requestHeadLength(type: number, payloadLength: number, gathered: Buffer): number {
  if (type !== PACKET.write) return payloadLength;
  const toHandle = ID_BYTES + LENGTH_BYTES;
  if (gathered.length < toHandle) return toHandle;
  const handleLength = Math.min(gathered.readUInt32BE(ID_BYTES), HANDLE_LIMIT_BYTES);
  return toHandle + handleLength + OFFSET_BYTES + LENGTH_BYTES;
}

/** How much of an answer to gather: what tells of its kind and outcome, and never names or contents. */
export function replyHeadLength(type: number): number {
  if (type === PACKET.version) return 0;
  if (type === PACKET.handle) return ID_BYTES + LENGTH_BYTES + HANDLE_LIMIT_BYTES;
  return type === PACKET.data || type === PACKET.status ? ID_BYTES + LENGTH_BYTES : ID_BYTES;
}

/** The name of the extension that a request is for; nothing when it is for none, or the name is not there in full. */
export function extensionOf(type: number, head: Buffer): string | undefined {
  if (type !== PACKET.extended) return undefined;
  const fields = new FieldReader(head);
  fields.uint32();
  const name = fields.string().toString('latin1');
  return fields.short ? undefined : name;
}
