import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SftpEvent } from '../../../../bastion/evidence/sftp/events.ts';
import { SftpObserver } from '../../../../bastion/evidence/sftp/observer.ts';
import { PACKET } from '../../../../bastion/evidence/sftp/protocol.ts';
import { REQUESTS_LIMIT } from '../../../../bastion/evidence/sftp/waiting-requests.ts';
import { type SftpPiece, sftpCrossing } from '../../../support/sftp-crossing.ts';
import { packet, text, u32, u64 } from '../../../support/sftp-packets.ts';
import { temporaryDirectory } from '../../../support/temporary-directory.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What the observer says of these pieces, each cut into parts of at most `stepBytes`. */
function observe(pieces: readonly SftpPiece[], stepBytes = Number.POSITIVE_INFINITY): SftpEvent[] {
  const events: SftpEvent[] = [];
  const observer = new SftpObserver((event) => events.push(event));
  for (const { from, bytes } of pieces) {
    for (let at = 0; at < bytes.length; at += stepBytes) {
      const part = bytes.subarray(at, at + stepBytes);
      if (from === 'client') observer.clientBytes(part);
      else observer.serverBytes(part);
    }
  }
  observer.end();
  return events;
}

const client = (...packets: Buffer[]): SftpPiece => fromClient(packets);
const fromClient = (packets: readonly Buffer[]): SftpPiece => ({
  from: 'client',
  bytes: Buffer.concat(packets),
});
const server = (...packets: Buffer[]): SftpPiece => ({ from: 'server', bytes: Buffer.concat(packets) });

const OPEN_READ = 1;
const OPEN_WRITE = 0x1a;
const open = (id: number, path: string | Buffer, flags: number) =>
  packet(PACKET.open, u32(id), text(path), u32(flags), u32(0));
const handle = (id: number, value: string) => packet(PACKET.handle, u32(id), text(value));
const read = (id: number, value: string, offset: number, length: number) =>
  packet(PACKET.read, u32(id), text(value), u64(offset), u32(length));
const data = (id: number, bytes: string) => packet(PACKET.data, u32(id), text(bytes));
const write = (id: number, value: string, offset: number, bytes: string) =>
  packet(PACKET.write, u32(id), text(value), u64(offset), text(bytes));
const close = (id: number, value: string) => packet(PACKET.close, u32(id), text(value));
const status = (id: number, code: number) => packet(PACKET.status, u32(id), u32(code), text(''), text(''));
const fsetstat = (id: number, value: string) => packet(PACKET.fsetstat, u32(id), text(value), u32(0));
const copyData = (id: number, from: string, to: string) =>
  packet(PACKET.extended, u32(id), text('copy-data'), text(from), u64(0), u64(0), text(to), u64(0));
const remove = (id: number, path: string) => packet(PACKET.remove, u32(id), text(path));

describe('SftpObserver beside a real client and server', () => {
  it('tells of an upload with count and hash', async () => {
    const folder = temporaryDirectory();
    const contents = randomBytes(3_000_001);
    writeFileSync(join(folder, 'source'), contents);
    const { pieces, exitCode } = await sftpCrossing(folder, [`put ${folder}/source ${folder}/target`]);
    expect(exitCode).toBe(0);
    expect(sha256(readFileSync(join(folder, 'target')))).toBe(sha256(contents));
    const events = observe(pieces);
    expect(events).toContainEqual({
      type: 'file.written',
      action: 'write',
      path: `${folder}/target`,
      result: 'ok',
      bytes: contents.length,
      sequential: true,
      sha256: sha256(contents),
      startOffset: 0,
    });
    expect(events.filter(({ type }) => type === 'observer.gave_up')).toEqual([]);
  });

  it('tells of a download whose reads are requested ahead, with count and hash', async () => {
    const folder = temporaryDirectory();
    const contents = randomBytes(3_000_001);
    writeFileSync(join(folder, 'source'), contents);
    const { pieces, exitCode } = await sftpCrossing(folder, [`get ${folder}/source ${folder}/target`]);
    expect(exitCode).toBe(0);
    expect(observe(pieces)).toEqual([
      {
        type: 'file.read',
        action: 'read',
        path: `${folder}/source`,
        result: 'ok',
        bytes: contents.length,
        sequential: true,
        sha256: sha256(contents),
        startOffset: 0,
      },
    ]);
  });

  it('says the same however the bytes are cut', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'source'), randomBytes(100_000));
    const { pieces } = await sftpCrossing(folder, [
      `put ${folder}/source ${folder}/a`,
      `get ${folder}/a ${folder}/b`,
      `rename ${folder}/a ${folder}/c`,
    ]);
    const whole = observe(pieces);
    expect(whole.length).toBeGreaterThan(2);
    for (const stepBytes of [1, 2, 3, 7, 1000]) expect(observe(pieces, stepBytes)).toEqual(whole);
  });

  it('tells of renames, removals, folders, links, attributes and listings, with their results', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'a'), 'contents');
    mkdirSync(join(folder, 'old'));
    const { pieces } = await sftpCrossing(folder, [
      `rename ${folder}/a ${folder}/b`,
      `-rename -l ${folder}/missing ${folder}/other`,
      `symlink ${folder}/b ${folder}/soft`,
      `ln ${folder}/b ${folder}/hard`,
      `chmod 600 ${folder}/b`,
      `mkdir ${folder}/new`,
      `rmdir ${folder}/old`,
      `rm ${folder}/hard`,
      `ls ${folder}`,
      `-rmdir ${folder}/missing`,
    ]);
    const at = (name: string) => `${folder}/${name}`;
    const events = observe(pieces);
    for (const expected of [
      { type: 'file.renamed', action: 'rename', path: at('a'), other: { path: at('b') }, result: 'ok' },
      { type: 'file.written', action: 'symlink', path: at('soft'), other: { path: at('b') }, result: 'ok' },
      { type: 'file.written', action: 'hardlink', path: at('hard'), other: { path: at('b') }, result: 'ok' },
      { type: 'file.written', action: 'set-attributes', path: at('b'), result: 'ok' },
      { type: 'file.written', action: 'mkdir', path: at('new'), result: 'ok' },
      { type: 'file.removed', action: 'rmdir', path: at('old'), result: 'ok' },
      { type: 'file.removed', action: 'remove', path: at('hard'), result: 'ok' },
      { type: 'file.read', action: 'list', path: at(''), result: 'ok' },
      { type: 'file.removed', action: 'rmdir', path: at('missing'), result: 'failed', status: 2 },
    ]) {
      expect(events).toContainEqual(expected);
    }
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'file.renamed', path: at('missing'), result: 'failed' }),
    );
  });

  it('tells where a resumed upload began', async () => {
    const folder = temporaryDirectory();
    const contents = randomBytes(50_000);
    writeFileSync(join(folder, 'source'), contents);
    writeFileSync(join(folder, 'target'), contents.subarray(0, 20_000));
    const { pieces } = await sftpCrossing(folder, [`reput ${folder}/source ${folder}/target`]);
    expect(observe(pieces)).toContainEqual(
      expect.objectContaining({
        type: 'file.written',
        bytes: 30_000,
        startOffset: 20_000,
        sequential: true,
        sha256: sha256(contents.subarray(20_000)),
      }),
    );
  });

  it('follows many small reads and writes waiting at once', async () => {
    const folder = temporaryDirectory();
    const contents = randomBytes(200_000);
    writeFileSync(join(folder, 'source'), contents);
    const { pieces } = await sftpCrossing(
      folder,
      [`put ${folder}/source ${folder}/a`, `get ${folder}/a ${folder}/b`],
      ['-B', '512', '-R', '200'],
    );
    const transfers = observe(pieces).filter((event) => 'sha256' in event);
    expect(transfers).toHaveLength(2);
    for (const event of transfers) expect(event).toMatchObject({ bytes: 200_000, sha256: sha256(contents) });
  });

  it('tells of a copy on the server, whose bytes never come by', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'a'), 'contents');
    const { pieces, exitCode } = await sftpCrossing(folder, [`copy ${folder}/a ${folder}/b`]);
    expect(exitCode).toBe(0);
    const events = observe(pieces);
    expect(events).toContainEqual({
      type: 'file.written',
      action: 'copy',
      path: `${folder}/b`,
      other: { path: `${folder}/a` },
      result: 'ok',
    });
    expect(events).toContainEqual(
      expect.objectContaining({ path: `${folder}/b`, action: 'write', sequential: false }),
    );
  });
});

describe('SftpObserver', () => {
  const opened = [client(open(1, 'a', OPEN_READ)), server(handle(1, 'h'))];

  it('tells that an open was refused', () => {
    expect(observe([client(open(1, 'secret', OPEN_READ)), server(status(1, 3))])).toEqual([
      expect.objectContaining({ type: 'file.read', path: 'secret', result: 'failed', status: 3, bytes: 0 }),
    ]);
  });

  it('says that contents were read out of order instead of hashing them', () => {
    const events = observe([
      ...opened,
      client(read(2, 'h', 4, 4), read(3, 'h', 0, 4)),
      server(data(2, 'bbbb'), data(3, 'aaaa')),
      client(close(4, 'h')),
      server(status(4, 0)),
    ]);
    expect(events).toEqual([
      {
        type: 'file.read',
        action: 'read',
        path: 'a',
        result: 'ok',
        bytes: 8,
        sequential: false,
        startOffset: 4,
      },
    ]);
  });

  it('goes by what was read and not by what was asked for', () => {
    const events = observe([
      ...opened,
      client(read(2, 'h', 0, 100)),
      server(data(2, 'ab')),
      client(read(3, 'h', 2, 98)),
      server(data(3, 'cd')),
      client(read(4, 'h', 4, 96)),
      server(status(4, 1)),
      client(close(5, 'h')),
      server(status(5, 0)),
    ]);
    expect(events).toEqual([
      expect.objectContaining({
        bytes: 4,
        sequential: true,
        sha256: sha256(Buffer.from('abcd')),
        result: 'ok',
      }),
    ]);
  });

  it('does not vouch for contents that the server refused to write', () => {
    const [event] = observe([
      client(open(1, 'a', OPEN_WRITE)),
      server(handle(1, 'h')),
      client(write(2, 'h', 0, 'abc'), write(3, 'h', 3, 'def'), close(4, 'h')),
      server(status(2, 0), status(3, 4), status(4, 0)),
    ]);
    expect(event).toMatchObject({ type: 'file.written', result: 'failed', status: 4, sequential: false });
    expect(event).not.toHaveProperty('sha256');
  });

  it('takes nothing for contents that only comes behind them', () => {
    const [event] = observe([
      client(open(1, 'a', OPEN_WRITE)),
      server(handle(1, 'h')),
      client(
        write(2, 'h', 0, 'abc'),
        packet(PACKET.extended, u32(3), text('note@example.com'), Buffer.alloc(100_000)),
        close(4, 'h'),
      ),
      server(status(2, 0), status(3, 8), status(4, 0)),
    ]);
    expect(event).toMatchObject({
      bytes: 3,
      sequential: true,
      sha256: sha256(Buffer.from('abc')),
      result: 'ok',
    });
  });

  it('tells of an empty file that was made', () => {
    expect(
      observe([
        client(open(1, 'a', OPEN_WRITE)),
        server(handle(1, 'h')),
        client(close(2, 'h')),
        server(status(2, 0)),
      ]),
    ).toEqual([
      expect.objectContaining({
        type: 'file.written',
        bytes: 0,
        sha256: sha256(Buffer.alloc(0)),
        result: 'ok',
      }),
    ]);
  });

  it('tells of what was under way when the connection ended', () => {
    const events = observe([...opened, client(remove(2, 'b'), open(3, 'c', OPEN_WRITE))]);
    expect(events).toEqual([
      expect.objectContaining({ type: 'file.read', path: 'a', result: 'unfinished' }),
      expect.objectContaining({ type: 'file.removed', path: 'b', result: 'unfinished' }),
      expect.objectContaining({ type: 'file.written', path: 'c', result: 'unfinished' }),
    ]);
  });

  it('keeps names that are no text exactly, and cuts those that no system takes', () => {
    const name = Buffer.from([0x61, 0xff]);
    expect(observe([client(open(1, name, OPEN_READ)), server(status(1, 2))])[0]).toMatchObject({
      path: 'a\ufffd',
      pathBase64: name.toString('base64'),
    });
    const [event] = observe([client(remove(1, 'x'.repeat(5000))), server(status(1, 4))]);
    expect(event).toMatchObject({ path: 'x'.repeat(4096), pathBytes: 5000, result: 'failed' });
  });

  it.each<[string, SftpPiece[]]>([
    ['an empty packet', [client(u32(0), Buffer.from([1]))]],
    ['a packet of 4 GiB', [client(u32(0xffffffff), Buffer.from([1]))]],
    ['an answer that nobody asked for', [server(status(7, 0))]],
    ['an id that is still waiting', [client(remove(1, 'a'), remove(1, 'b'))]],
    ['a cut request', [client(packet(PACKET.remove, u32(1), u32(99)))]],
    ['a request of nothing', [client(packet(PACKET.remove))]],
    ['a name for a read', [...opened, client(read(2, 'h', 0, 4)), server(packet(104, u32(2), u32(0)))]],
    ['data for a removal', [client(remove(1, 'a')), server(data(1, 'x'))]],
    ['a handle for a removal', [client(remove(1, 'a')), server(handle(1, 'x'))]],
    ['a handle that is in use', [...opened, client(open(2, 'b', 1)), server(handle(2, 'h'))]],
    ['a write before the handle was given', [client(open(1, 'a', OPEN_WRITE), write(2, 'h', 0, 'x'))]],
    [
      'a write to what may be the next file of that handle',
      [...opened, client(close(2, 'h'), open(3, 'b', OPEN_WRITE), write(4, 'h', 0, 'x'))],
    ],
    ['attributes before the handle was given', [client(open(1, 'a', OPEN_WRITE), fsetstat(2, 'h'))]],
    ['a copy to a handle that was not given', [...opened, client(copyData(2, 'h', 'i'))]],
    ['a copy from a handle that was not given', [...opened, client(copyData(2, 'i', 'h'))]],
    ['a handle that is too long', [client(open(1, 'a', 1)), server(handle(1, 'h'.repeat(257)))]],
    [
      'a write that says another length',
      [...opened, client(packet(PACKET.write, u32(2), text('h'), u64(0), u32(9), Buffer.from('abc')))],
    ],
    [
      'data that says another length',
      [
        ...opened,
        client(read(2, 'h', 0, 4)),
        server(packet(PACKET.data, u32(2), u32(9), Buffer.from('abc'))),
      ],
    ],
    ['the end inside a packet', [client(u32(10))]],
    ['too many names waiting', [client(...Array.from({ length: 300 }, (_, id) => remove(id, 'a')))]],
    [
      'too many requests waiting',
      [fromClient(Array.from({ length: REQUESTS_LIMIT + 1 }, (_, id) => read(id, 'h', 0, 1)))],
    ],
  ])('gives up once at %s, as its last event, and takes no more', (_, pieces) => {
    const events: SftpEvent[] = [];
    const observer = new SftpObserver((event) => events.push(event));
    for (const { from, bytes } of pieces) {
      if (from === 'client') observer.clientBytes(bytes);
      else observer.serverBytes(bytes);
    }
    observer.end();
    const count = events.length;
    expect(events.filter(({ type }) => type === 'observer.gave_up')).toHaveLength(1);
    expect(events.at(-1)?.type).toBe('observer.gave_up');
    observer.clientBytes(remove(9, 'x'));
    observer.serverBytes(status(9, 0));
    observer.end();
    expect(events).toHaveLength(count);
  });

  it('never throws and gives up at most once, whatever the bytes', () => {
    const field = fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(5).map(u32),
      fc.constantFrom(text('h'), text('a'), text(''), u64(0), u64(4)),
    );
    const wellFramed = fc
      .tuple(
        fc.oneof(fc.constantFrom(...Object.values(PACKET)), fc.nat(255)),
        fc.array(field, { maxLength: 5 }),
      )
      .map(([type, fields]) => packet(type, ...fields));
    const valid = fc.constantFrom(
      open(1, 'a', OPEN_WRITE),
      handle(1, 'h'),
      write(2, 'h', 0, 'abc'),
      read(3, 'h', 0, 3),
      data(3, 'abc'),
      close(4, 'h'),
      status(2, 0),
      status(4, 0),
    );
    const bytes = fc.oneof(
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }).map((raw) => Buffer.from(raw)) },
      { weight: 5, arbitrary: wellFramed },
      { weight: 8, arbitrary: valid },
    );
    const piece = fc.record({ from: fc.constantFrom<'client' | 'server'>('client', 'server'), bytes });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (pieces, stepBytes) => {
        const events = observe(pieces, stepBytes);
        expect(events.filter(({ type }) => type === 'observer.gave_up').length).toBeLessThanOrEqual(1);
        expect(observe(pieces)).toEqual(events);
      }),
      { numRuns: 2000 },
    );
  });

  it('hashes any contents in order, however they are cut into writes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 50 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 60 }),
        (parts, stepBytes) => {
          let offset = 0;
          const writes = parts.map((part, n) => {
            const bytes = write(n + 10, 'h', offset, part);
            offset += Buffer.byteLength(part);
            return bytes;
          });
          const events = observe(
            [
              client(open(1, 'a', OPEN_WRITE)),
              server(handle(1, 'h')),
              client(...writes, close(2, 'h')),
              server(...parts.map((_, n) => status(n + 10, 0)), status(2, 0)),
            ],
            stepBytes,
          );
          expect(events).toEqual([
            expect.objectContaining({
              bytes: offset,
              sequential: true,
              sha256: sha256(Buffer.from(parts.join(''))),
            }),
          ]);
        },
      ),
    );
  });
});
