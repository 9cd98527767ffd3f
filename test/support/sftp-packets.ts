/** A number of four bytes, as SFTP writes it. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A number of eight bytes. */
export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A string or bytes behind their length. */
export function text(value: string | Buffer): Buffer {
  return Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** A packet of a type with these fields. */
export function packet(type: number, ...fields: Buffer[]): Buffer {
  const payload = Buffer.concat(fields);
  return Buffer.concat([u32(payload.length + 1), Buffer.from([type]), payload]);
}
