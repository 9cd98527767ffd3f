import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScpObserver } from '../../../../bastion/evidence/scp/observer.ts';
import type { SftpTransferEvent } from '../../../../bastion/evidence/sftp/events.ts';

type Side = 'sender' | 'receiver';
type Talk = readonly (readonly [Side, string | Buffer])[];

function follow(
  direction: 'upload' | 'download',
  talk: Talk,
  options: { path?: string; intoFolder?: boolean; cut?: (chunk: Buffer) => Buffer[] } = {},
) {
  const files: SftpTransferEvent[] = [];
  const gaveUp: string[] = [];
  const observer = new ScpObserver({
    direction,
    path: options.path ?? '/srv/new',
    intoFolder: options.intoFolder ?? false,
    onFile: (event) => files.push(event),
    onGaveUp: (reason) => gaveUp.push(reason),
  });
  for (const [side, bytes] of talk) {
    const isClient = (side === 'sender') === (direction === 'upload');
    for (const chunk of (options.cut ?? ((whole) => [whole]))(Buffer.from(bytes))) {
      if (isClient) observer.clientBytes(chunk);
      else observer.serverBytes(chunk);
    }
  }
  observer.end();
  return { files, gaveUp };
}

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

const ok = ['receiver', '\0'] as const;

/** Sends one file as scp does. */
function file(name: string, contents: Buffer): Talk {
  return [
    ['sender', 'T1700000000 0 1700000000 0\n'],
    ok,
    ['sender', Buffer.from(`C0644 ${contents.length} ${name}\n`)],
    ok,
    ['sender', contents],
    ['sender', '\0'],
    ok,
  ];
}

describe('what went by the old protocol of scp', () => {
  it('is a file under the path of the command', () => {
    const { files, gaveUp } = follow('upload', [ok, ...file('old', Buffer.from('text'))]);
    expect(files).toEqual([
      {
        type: 'file.written',
        action: 'write',
        path: '/srv/new',
        sentAs: 'old',
        result: 'ok',
        bytes: 4,
        sequential: true,
        sha256: sha256('text'),
        startOffset: 0,
      },
    ]);
    expect(gaveUp).toEqual([]);
  });

  it('is a tree, named from where the command says', () => {
    const tree: Talk = [
      ok,
      ['sender', 'D0755 0 top\n'],
      ok,
      ...file('a', Buffer.alloc(0)),
      ['sender', 'D0755 0 sub\n'],
      ok,
      ...file('b', Buffer.from('bb')),
      ['sender', 'E\n'],
      ok,
      ...file('c', Buffer.from('c')),
      ['sender', 'E\n'],
      ok,
    ];
    const paths = (direction: 'upload' | 'download', path: string, intoFolder = false) =>
      follow(direction, tree, { path, intoFolder }).files.map((event) => event.path);
    expect(paths('upload', '/srv/new')).toEqual(['/srv/new/a', '/srv/new/sub/b', '/srv/new/c']);
    expect(paths('upload', '/srv/is', true)).toEqual(['/srv/is/top/a', '/srv/is/top/sub/b', '/srv/is/top/c']);
    expect(paths('download', '/srv/top')).toEqual(['/srv/top/a', '/srv/top/sub/b', '/srv/top/c']);
    expect(paths('download', 'top')).toEqual(['top/a', 'top/sub/b', 'top/c']);
  });

  it('is told by the name that the sender gave where the path may be a folder, or one of several', () => {
    const named = (direction: 'upload' | 'download', path: string, intoFolder = false) =>
      follow(direction, [ok, ...file('authorized_keys', Buffer.from('k'))], { path, intoFolder }).files.map(
        (event) => [event.path, event.sentAs],
      );
    expect(named('upload', '/root/.ssh')).toEqual([['/root/.ssh', 'authorized_keys']]);
    expect(named('upload', '/root/.ssh/')).toEqual([['/root/.ssh/authorized_keys', undefined]]);
    expect(named('upload', '/root/.ssh', true)).toEqual([['/root/.ssh/authorized_keys', undefined]]);
    expect(named('download', '/a/authorized_keys')).toEqual([['/a/authorized_keys', undefined]]);
    expect(named('download', '/a/authorized_keys /b/x')).toEqual([
      ['/a/authorized_keys /b/x', 'authorized_keys'],
    ]);
  });

  it('is said however the bytes are cut, with any contents', () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 });
    fc.assert(
      fc.property(contents, fc.integer({ min: 1, max: 7 }), fc.boolean(), (all, size, isUpload) => {
        const talk = [ok, ...all.flatMap((bytes, index) => file(`f${index}`, Buffer.from(bytes)))];
        const cut = (chunk: Buffer) =>
          Array.from({ length: Math.ceil(chunk.length / size) }, (_, at) =>
            chunk.subarray(at * size, (at + 1) * size),
          );
        const { files, gaveUp } = follow(isUpload ? 'upload' : 'download', talk, { cut });
        expect(gaveUp).toEqual([]);
        expect(files.map((event) => event.sha256)).toEqual(all.map((bytes) => sha256(Buffer.from(bytes))));
        expect(files.every((event) => event.result === 'ok')).toBe(true);
      }),
    );
  });

  it('failed when the receiver refuses it, and the next one is followed', () => {
    const talk: Talk = [
      ok,
      ['sender', 'C0644 5 no\n'],
      ['receiver', '\x01scp: no: Permission denied\n'],
      ...file('yes', Buffer.from('y')),
    ];
    const { files } = follow('upload', talk, { path: '/d', intoFolder: true });
    expect(files.map(({ path, result, bytes }) => [path, result, bytes])).toEqual([
      ['/d/no', 'failed', 0],
      ['/d/yes', 'ok', 1],
    ]);
  });

  it('failed when either side says so behind the contents', () => {
    const sent = (end: string, answer: string): Talk => [
      ok,
      ['sender', 'C0644 2 f\nab'],
      ok,
      ['sender', end],
      ['receiver', answer],
    ];
    for (const [end, answer] of [
      ['\x01scp: f: Input/output error\n', '\0'],
      ['\0', '\x01scp: f: No space left on device\n'],
    ] as const)
      expect(follow('upload', sent(end, answer)).files).toMatchObject([{ result: 'failed', bytes: 2 }]);
  });

  it('is unfinished when the channel ends before it', () => {
    const { files } = follow('download', [ok, ['sender', 'C0644 9 f\nhalf']]);
    expect(files).toMatchObject([{ result: 'unfinished', bytes: 4, sha256: sha256('half') }]);
    expect(follow('upload', [ok, ['sender', 'C0644 1 f\nx\0']]).files).toMatchObject([
      { result: 'unfinished' },
    ]);
  });

  it('is followed when the sender does not wait for answers that all grant', () => {
    const eager: Talk = [
      ['sender', 'C0644 2 f\nab\0'],
      ['receiver', '\0\0\0'],
    ];
    expect(follow('upload', eager).files).toMatchObject([{ result: 'ok', sha256: sha256('ab') }]);
  });

  it('is not known any more when contents were sent against a refusal: they may have been taken for commands', () => {
    const evil: Talk = [
      ok,
      ['sender', 'C0644 20 refused\nC0644 4 hidden\nevil\0'],
      ['receiver', '\x01no\n\0\0'],
    ];
    expect(follow('upload', evil).gaveUp).toEqual([
      'the sender went on with a file that the receiver had refused',
    ]);
  });

  it.each([
    ['a line that scp does not know', [['sender', 'X\n']]],
    ['a size that is none', [['sender', 'C0644 -1 f\n']]],
    ['a line without an end', [['sender', 'C'.repeat(9000)]]],
    ['an answer that is none', [['receiver', 'SSH-2.0']]],
    ['an error text without an end', [['receiver', `\x01${'x'.repeat(70_000)}`]]],
    ['something else behind a file', [['sender', 'C0644 1 f\nxyz\n']]],
    ['a sender that never waits', [['sender', 'T1 0 1 0\n'.repeat(100)]]],
    ['folders without end', [['sender', 'D0755 0 d\n'], ok].flatMap((step) => Array(1100).fill(step))],
  ] as [string, Talk][])('is not known behind %s', (_what, talk) => {
    expect(follow('upload', talk).gaveUp).toHaveLength(1);
  });

  it('never throws, whatever the bytes', () => {
    const side = fc.constantFrom('sender' as const, 'receiver' as const);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array)),
      fc
        .constantFrom('C0644 3 f\n', 'D0755 0 d\n', 'E\n', '\0', '\x01e\n', 'abc')
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(side, bytes), { maxLength: 30 }), (talk) => {
        expect(follow('upload', talk).gaveUp.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
