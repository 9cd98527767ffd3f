import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

/** lastlog(5), as glibc lays it out: when, on which line, from where; on other machines none is written. */
const LAYOUTS: Partial<
  Record<NodeJS.Architecture, { readonly timeBytes: 4 | 8; readonly sizeBytes: number }>
> = {
  x64: { timeBytes: 4, sizeBytes: 292 },
  arm64: { timeBytes: 8, sizeBytes: 296 },
};

const LINE_BYTES = 32;
const HOST_BYTES = 256;

/** An account's last login, for `lastlog`. */
export interface LastLogin {
  readonly uid: number;
  readonly timeMs: number;
  /** The terminal, without `/dev/`. */
  readonly line: string;
  readonly host: string;
}

/**
 * Enters a login in the place that its account has in the file, which is not made where there is none.
 * @throws what hinders writing into a file that is there
 */
export function enterLastLogin(path: string, login: LastLogin): void {
  const layout = LAYOUTS[process.arch];
  if (layout === undefined) return;
  const { timeBytes, sizeBytes } = layout;
  const record = Buffer.alloc(sizeBytes);
  const seconds = Math.floor(login.timeMs / 1000);
  if (timeBytes === 8) record.writeBigInt64LE(BigInt(seconds), 0);
  else record.writeInt32LE(seconds, 0);
  Buffer.from(login.line).copy(record, timeBytes, 0, LINE_BYTES);
  Buffer.from(login.host).copy(record, timeBytes + LINE_BYTES, 0, HOST_BYTES);
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    // This system keeps none.
    return;
  }
  try {
    if (fstatSync(fd).isFile()) writeSync(fd, record, 0, record.length, login.uid * sizeBytes);
  } finally {
    closeSync(fd);
  }
}
