import { OPEN_FLAG, PACKET } from './protocol.ts';

/** What may be transferred. */
export interface TransferRules {
  /** Towards the host: contents, and every other change of its files. */
  readonly up: boolean;
  /** Contents of files, towards the operator. Names and attributes may be looked at all the same. */
  readonly down: boolean;
  /** Largest file, either way; none when it is left out. */
  readonly fileSizeBytes?: number;
}

/** Everything may be transferred. */
export const ANY_TRANSFER: TransferRules = { up: true, down: true };

const NO_UPLOADS = 'the policy does not allow files to be changed on the host';
const NO_DOWNLOADS = 'the policy does not allow files to be fetched from the host';

/** Requests that change nothing on the host: LSTAT, FSTAT, READDIR, REALPATH, STAT, READLINK, and those of ours. */
const READ_ONLY_TYPES: ReadonlySet<number> = new Set([
  PACKET.init,
  PACKET.open,
  PACKET.close,
  PACKET.read,
  7,
  8,
  PACKET.opendir,
  12,
  16,
  17,
  19,
]);

/** Extensions of OpenSSH (its PROTOCOL file, section 4) and of the later drafts that change nothing on the host. */
const READ_ONLY_EXTENSIONS: ReadonlySet<string> = new Set([
  'statvfs@openssh.com',
  'fstatvfs@openssh.com',
  'fsync@openssh.com',
  'limits@openssh.com',
  'expand-path@openssh.com',
  'users-groups-by-id@openssh.com',
  'home-directory',
  'check-file-handle',
  'check-file-name',
  'md5-hash',
  'md5-hash-handle',
  'space-available',
  'vendor-id',
]);

/** Why a file may not be opened with these flags; undefined when it may. */
export function openRefusal(rules: TransferRules, flags: number): string | undefined {
  const writes = OPEN_FLAG.write | OPEN_FLAG.append | OPEN_FLAG.create | OPEN_FLAG.truncate;
  if ((flags & writes) !== 0) return rules.up ? undefined : NO_UPLOADS;
  return rules.down ? undefined : NO_DOWNLOADS;
}

/** Why contents may not be read from an open file; undefined when they may. */
export function readRefusal(rules: TransferRules): string | undefined {
  return rules.down ? undefined : NO_DOWNLOADS;
}

/** Why a request of this type may not be made, whatever file it is about. What is not known counts as a change. */
export function changeRefusal(
  rules: TransferRules,
  type: number,
  extension: string | undefined,
): string | undefined {
  if (rules.up || READ_ONLY_TYPES.has(type)) return undefined;
  const harmless = type === PACKET.extended && extension !== undefined && READ_ONLY_EXTENSIONS.has(extension);
  return harmless ? undefined : NO_UPLOADS;
}

/** Why a file may not be transferred up to `endBytes`, its size as far as it is known; undefined when it may. */
export function sizeRefusal(rules: TransferRules, endBytes: bigint | number): string | undefined {
  const { fileSizeBytes } = rules;
  if (fileSizeBytes === undefined || endBytes <= fileSizeBytes) return undefined;
  return `the policy allows files of ${fileSizeBytes} bytes, and this one is larger`;
}
