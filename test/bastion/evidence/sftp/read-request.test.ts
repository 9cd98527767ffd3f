import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenFile } from '../../../../bastion/evidence/sftp/open-file.ts';
import { OpenHandles } from '../../../../bastion/evidence/sftp/open-handles.ts';
import { FieldReader, PACKET } from '../../../../bastion/evidence/sftp/protocol.ts';
import { readRequest } from '../../../../bastion/evidence/sftp/read-request.ts';
import { ANY_TRANSFER, type TransferRules } from '../../../../bastion/evidence/sftp/transfer-rules.ts';
import { text, u32, u64 } from '../../../support/sftp-packets.ts';

const READ = 1;
const WRITE = 0x1a;
const APPEND = 0x0e;

/** A client that has a file open as `h` and a folder as `d`. */
function opened(flags: number) {
  const handles = new OpenHandles();
  const file = new OpenFile({ path: 'a' }, flags);
  handles.give('h', { file, folder: false });
  handles.give('d', { file: new OpenFile({ path: 'folder' }, 0), folder: true });
  return { handles, file };
}

function read(
  type: number,
  fields: readonly Buffer[],
  { handles = new OpenHandles(), rules = ANY_TRANSFER, bodyLength = 0 } = {},
) {
  return readRequest(type, new FieldReader(Buffer.concat(fields)), bodyLength, { handles, rules });
}

const writeOf = (handle: string, offset: number, length: number) => [text(handle), u64(offset), u32(length)];
const copyOf = (from: string, to: string) => [
  ...[text('copy-data'), text(from), u64(0), u64(0), text(to), u64(0)],
];

describe('readRequest', () => {
  it('reads what a file is opened for', () => {
    expect(read(PACKET.open, [text('a'), u32(WRITE)])).toMatchObject({
      kind: 'waits',
      request: { kind: 'open', file: { path: { path: 'a' }, flags: WRITE } },
    });
  });

  it('takes the contents that follow a write for those of its file', () => {
    const { handles, file } = opened(WRITE);
    const found = read(PACKET.write, writeOf('h', 0, 3), { handles, bodyLength: 3 });
    expect(found).toMatchObject({ kind: 'waits', request: { kind: 'write' } });
    expect(found.kind === 'waits' && found.contents).toBe(file.writes());
  });

  it('calls a write malformed that says another length than it has', () => {
    const { handles } = opened(WRITE);
    expect(read(PACKET.write, writeOf('h', 0, 9), { handles, bodyLength: 3 })).toEqual({ kind: 'malformed' });
  });

  it('calls every change strange that is made by a handle which the client does not have', () => {
    const { handles } = opened(WRITE);
    const strange = { kind: 'strange' };
    expect(read(PACKET.write, writeOf('x', 0, 3), { handles, bodyLength: 3 })).toEqual(strange);
    expect(read(PACKET.fsetstat, [text('x'), u32(0)], { handles })).toEqual(strange);
    expect(read(PACKET.extended, copyOf('h', 'x'), { handles })).toEqual(strange);
    expect(read(PACKET.extended, copyOf('x', 'h'), { handles })).toEqual(strange);
  });

  it('calls a write strange that comes behind the close of its handle', () => {
    const { handles } = opened(WRITE);
    expect(read(PACKET.close, [text('h')], { handles })).toMatchObject({ request: { handle: 'h' } });
    expect(read(PACKET.write, writeOf('h', 0, 3), { handles, bodyLength: 3 })).toEqual({ kind: 'strange' });
  });

  it('follows no read of what is no open file', () => {
    const { handles } = opened(READ);
    for (const handle of ['x', 'd'])
      expect(read(PACKET.read, [text(handle), u64(0), u32(1)], { handles })).toMatchObject({
        request: { kind: 'other' },
      });
  });

  it('no longer vouches for a file that another was copied into', () => {
    const { handles, file } = opened(WRITE);
    expect(read(PACKET.extended, copyOf('d', 'h'), { handles })).toMatchObject({
      request: { kind: 'change', change: { action: 'copy', path: 'a' } },
    });
    expect(file.writes().result().sequential).toBe(false);
  });

  const noUploads: TransferRules = { up: false, down: true };
  const noDownloads: TransferRules = { up: true, down: false };
  const small: TransferRules = { up: true, down: true, fileSizeBytes: 10 };

  it('refuses what the rules forbid, with the name of the file', () => {
    const path = { path: 'a' };
    const refused = { kind: 'refused', path };
    const { handles } = opened(READ);
    expect(read(PACKET.open, [text('a'), u32(WRITE)], { rules: noUploads })).toMatchObject(refused);
    expect(read(PACKET.open, [text('a'), u32(READ)], { rules: noDownloads })).toMatchObject(refused);
    expect(read(PACKET.read, [text('h'), u64(0), u32(1)], { handles, rules: noDownloads })).toMatchObject(
      refused,
    );
  });

  it('refuses a write beyond the size that is allowed, before it counts as sent', () => {
    const { handles, file } = opened(WRITE);
    const last = read(PACKET.write, writeOf('h', 7, 3), { handles, rules: small, bodyLength: 3 });
    expect(last.kind).toBe('waits');
    file.writeAnswered(undefined);
    const beyond = read(PACKET.write, writeOf('h', 8, 3), { handles, rules: small, bodyLength: 3 });
    expect(beyond).toMatchObject({ kind: 'refused', path: { path: 'a' } });
    expect(file.events({ result: 'ok' })).toEqual([expect.objectContaining({ result: 'ok' })]);
  });

  it('measures what is appended by what went before, whatever its offset says', () => {
    const { handles, file } = opened(APPEND);
    file.writes().beginAppended(0n);
    file.writes().add(Buffer.alloc(8));
    const found = read(PACKET.write, writeOf('h', 0, 3), { handles, rules: small, bodyLength: 3 });
    expect(found.kind).toBe('refused');
  });

  it('throws at nothing, and says of fields that are cut that they are short', () => {
    const types = fc.oneof(fc.constantFrom(...Object.values(PACKET)), fc.nat(255));
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 60 }), fc.nat(60), (type, raw, bodyLength) => {
        const { handles } = opened(WRITE);
        readRequest(type, new FieldReader(Buffer.from(raw)), bodyLength, { handles, rules: ANY_TRANSFER });
      }),
    );
    const cut = new FieldReader(Buffer.concat([text('a'), Buffer.alloc(3)]));
    readRequest(PACKET.open, cut, 0, { handles: new OpenHandles(), rules: ANY_TRANSFER });
    expect(cut.short).toBe(true);
  });
});
