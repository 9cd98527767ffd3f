import { describePath, type SftpPath } from './events.ts';
import { OpenFile } from './open-file.ts';
import { handleKey, type OpenHandles } from './open-handles.ts';
import { type FieldReader, PACKET } from './protocol.ts';
import { type Change, readChange } from './requests.ts';
import type { Transfer } from './transfer.ts';
import { openRefusal, readRefusal, sizeRefusal, type TransferRules } from './transfer-rules.ts';
import type { Request } from './waiting-requests.ts';

/** What a request turned out to be. Whether all its fields were there, the reader of the fields knows. */
export type ReadRequest =
  | {
      readonly kind: 'waits';
      readonly request: Request;
      /** Where the contents go that follow. */
      readonly contents?: Transfer;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly path: SftpPath }
  /** It changes what is behind a handle, and the client has no such handle. */
  | { readonly kind: 'strange' }
  | { readonly kind: 'malformed' };

const OTHER: ReadRequest = { kind: 'waits', request: { kind: 'other' } };

/**
 * Reads a request from behind its id, enters into its file that contents follow, and says what the rules have against
 * it. `bodyLength` is how much of it comes behind what `fields` were gathered from.
 */
export function readRequest(
  type: number,
  fields: FieldReader,
  bodyLength: number,
  { handles, rules }: { readonly handles: OpenHandles; readonly rules: TransferRules },
): ReadRequest {
  switch (type) {
    case PACKET.open: {
      const path = describePath(fields.string());
      const flags = fields.uint32();
      const reason = openRefusal(rules, flags);
      if (reason !== undefined) return { kind: 'refused', reason, path };
      return waits({ kind: 'open', file: new OpenFile(path, flags) });
    }
    case PACKET.opendir:
      return waits({ kind: 'list', file: new OpenFile(describePath(fields.string()), 0) });
    case PACKET.close: {
      const handle = handleKey(fields.string());
      handles.closeAsked(handle);
      return waits({ kind: 'close', handle });
    }
    case PACKET.read: {
      const opened = handles.find(handleKey(fields.string()));
      if (opened?.folder !== false) return OTHER;
      const { file } = opened;
      const reason = readRefusal(rules);
      if (reason !== undefined) return { kind: 'refused', reason, path: file.path };
      return waits({ kind: 'read', file, offset: fields.uint64() });
    }
    case PACKET.write:
      return readWrite(fields, bodyLength, handles, rules);
    default:
      return readOther(type, fields, handles);
  }
}

function waits(request: Request): ReadRequest {
  return { kind: 'waits', request };
}

function readWrite(
  fields: FieldReader,
  bodyLength: number,
  handles: OpenHandles,
  rules: TransferRules,
): ReadRequest {
  const handle = fields.string();
  const offset = fields.uint64();
  const length = fields.uint32();
  if (fields.short || length !== bodyLength) return { kind: 'malformed' };
  const file = handles.find(handleKey(handle))?.file;
  if (file === undefined) return { kind: 'strange' };
  const endBytes = file.appends ? file.writes().bytes + length : offset + BigInt(length);
  const reason = sizeRefusal(rules, endBytes);
  if (reason !== undefined) return { kind: 'refused', reason, path: file.path };
  file.writeSent();
  const contents = file.writes();
  if (file.appends) contents.beginAppended(offset);
  else contents.begin(offset, length);
  return { kind: 'waits', request: { kind: 'write', file }, contents };
}

function readOther(type: number, fields: FieldReader, handles: OpenHandles): ReadRequest {
  let strange = false;
  const change = readChange(type, fields, (handle) => {
    const opened = handles.find(handleKey(handle));
    strange ||= opened === undefined;
    return opened?.file.path;
  });
  if (strange) return { kind: 'strange' };
  if (change?.action === 'copy') spoilCopied(change, handles);
  return change === undefined ? OTHER : waits({ kind: 'change', change });
}

/** A copy on the server changes a file by bytes that never come by here. */
function spoilCopied(change: Change, handles: OpenHandles): void {
  for (const { file } of handles.all()) {
    if (file.path.path === change.path) file.writes().spoil();
  }
}
