import type { Stats } from 'node:fs';
import type { WireReader, WireWriter } from '../../shared/ssh/wire.ts';

const HAS = { SIZE: 1, OWNER: 2, PERMISSIONS: 4, TIMES: 8, EXTENDED: 0x8000_0000 } as const;

/** Attributes that a client sets; what is missing stays as it is. Times in seconds. */
export interface SetAttributes {
  readonly sizeBytes?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly permissions?: number;
  readonly times?: { readonly accessedS: number; readonly modifiedS: number };
}

/** Reads attributes. @throws `ssh.protocol` when they end too early. */
export function readAttributes(reader: WireReader): SetAttributes {
  const flags = reader.uint32();
  const sizeBytes = (flags & HAS.SIZE) === 0 ? undefined : readUint64(reader);
  const owner = (flags & HAS.OWNER) === 0 ? undefined : { uid: reader.uint32(), gid: reader.uint32() };
  const permissions = (flags & HAS.PERMISSIONS) === 0 ? undefined : reader.uint32() & 0o7777;
  const times =
    (flags & HAS.TIMES) === 0 ? undefined : { accessedS: reader.uint32(), modifiedS: reader.uint32() };
  if ((flags & HAS.EXTENDED) !== 0) {
    const count = reader.uint32();
    for (let index = 0; index < count; index += 1) {
      reader.string();
      reader.string();
    }
  }
  return {
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(owner === undefined ? {} : { owner }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(times === undefined ? {} : { times }),
  };
}

/** Writes all attributes of a file. */
export function writeAttributes(writer: WireWriter, stats: Stats): WireWriter {
  writer.uint32(HAS.SIZE | HAS.OWNER | HAS.PERMISSIONS | HAS.TIMES);
  writeUint64(writer, stats.size).uint32(stats.uid).uint32(stats.gid).uint32(stats.mode);
  return writer.uint32(Math.floor(stats.atimeMs / 1000)).uint32(Math.floor(stats.mtimeMs / 1000));
}

/** A 64-bit number; beyond 2^53 it loses its lowest bits, which no file's size or offset has. */
export function readUint64(reader: WireReader): number {
  return reader.uint32() * 2 ** 32 + reader.uint32();
}

export function writeUint64(writer: WireWriter, value: number): WireWriter {
  return writer.uint32(Math.floor(value / 2 ** 32)).uint32(value % 2 ** 32);
}
