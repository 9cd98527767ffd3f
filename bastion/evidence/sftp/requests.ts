import { describePath, type SftpChangeEvent, type SftpPath } from './events.ts';
import { type FieldReader, PACKET } from './protocol.ts';

/** An operation on names, before its result is known. */
export type Change = Pick<SftpChangeEvent, 'type' | 'action' | 'other'> & SftpPath;

/**
 * Reads a request that changes or lists names, from behind its id; nothing when `type` is another request.
 * `pathOf` gives the name behind a handle.
 */
export function readChange(
  type: number,
  fields: FieldReader,
  pathOf: (handle: Buffer) => SftpPath | undefined,
): Change | undefined {
  switch (type) {
    case PACKET.remove:
      return { type: 'file.removed', action: 'remove', ...describePath(fields.string()) };
    case PACKET.rmdir:
      return { type: 'file.removed', action: 'rmdir', ...describePath(fields.string()) };
    case PACKET.mkdir:
      return { type: 'file.written', action: 'mkdir', ...describePath(fields.string()) };
    case PACKET.setstat:
      return { type: 'file.written', action: 'set-attributes', ...describePath(fields.string()) };
    case PACKET.fsetstat: {
      const path = pathOf(fields.string());
      return path && { type: 'file.written', action: 'set-attributes', ...path };
    }
    case PACKET.rename:
      return readRename(fields);
    case PACKET.symlink: {
      // OpenSSH's server and clients have target and link the other way round than the draft, and all follow them.
      const target = describePath(fields.string());
      return { type: 'file.written', action: 'symlink', ...describePath(fields.string()), other: target };
    }
    case PACKET.extended:
      return readExtended(fields, pathOf);
    default:
      return undefined;
  }
}

function readRename(fields: FieldReader): Change {
  const from = describePath(fields.string());
  return { type: 'file.renamed', action: 'rename', ...from, other: describePath(fields.string()) };
}

/** Extensions of OpenSSH (its PROTOCOL file, section 4). Others are passed over. */
function readExtended(
  fields: FieldReader,
  pathOf: (handle: Buffer) => SftpPath | undefined,
): Change | undefined {
  switch (fields.string().toString('latin1')) {
    case 'posix-rename@openssh.com':
      return readRename(fields);
    case 'hardlink@openssh.com': {
      const existing = describePath(fields.string());
      return { type: 'file.written', action: 'hardlink', ...describePath(fields.string()), other: existing };
    }
    case 'lsetstat@openssh.com':
      return { type: 'file.written', action: 'set-attributes', ...describePath(fields.string()) };
    case 'copy-data': {
      const from = pathOf(fields.string());
      fields.uint64();
      fields.uint64();
      const to = pathOf(fields.string());
      return to && { type: 'file.written', action: 'copy', ...to, ...(from && { other: from }) };
    }
    default:
      return undefined;
  }
}
