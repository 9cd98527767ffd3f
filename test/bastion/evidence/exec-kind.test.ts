import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyExec, scpIntoFolder } from '../../../bastion/evidence/exec-kind.ts';

describe('classifyExec', () => {
  it.each([
    ['scp -t /tmp/x', { kind: 'scp', direction: 'upload', path: '/tmp/x' }],
    ['scp -r -p -d -t -- dir', { kind: 'scp', direction: 'upload', path: 'dir' }],
    ['scp -v -f a.log', { kind: 'scp', direction: 'download', path: 'a.log' }],
    ['/usr/bin/scp -qrf b', { kind: 'scp', direction: 'download', path: 'b' }],
    ["scp -t '/tmp/x'", { kind: 'scp', direction: 'upload', path: '/tmp/x' }],
    [
      'rsync --server -vlogDtpre.iLsfxCIvu . /srv/www/',
      { kind: 'rsync', direction: 'upload', path: '/srv/www/' },
    ],
    [
      'rsync --server --sender -vlogDtpre.iLsfxCIvu . logs',
      { kind: 'rsync', direction: 'download', path: 'logs' },
    ],
    ['/usr/lib/openssh/sftp-server', { kind: 'sftp-server' }],
    ['sftp-server', { kind: 'sftp-server' }],
    ["git-upload-pack '/srv/a.git'", { kind: 'git', direction: 'download', path: '/srv/a.git' }],
    ["git-receive-pack 'a.git'", { kind: 'git', direction: 'upload', path: 'a.git' }],
    ['git upload-pack a.git', { kind: 'git', direction: 'download', path: 'a.git' }],
  ])('takes %s for a transfer', (command, kind) => {
    expect(classifyExec(command)).toEqual(kind);
  });

  it.each([
    'ls -la',
    '',
    'scp',
    'scp a b',
    'scp -t',
    'scp -t -f x',
    'scp -S /bin/sh -t x',
    'scp -o ProxyCommand=x -t y',
    'scp -t x; cat /etc/shadow',
    'scp -t x && id',
    'scp -t $(id)',
    'scp -t `id`',
    'scp -t x\ncat /etc/shadow',
    'scp -t x\tcat',
    'scp -t "x"',
    'scp -t *',
    'scp -t ~/x',
    'scp -t {a,b}',
    'scp -t x > /dev/tty',
    'scp -t x # y',
    'A=b scp -t x',
    './scp -t x',
    '/tmp/scp -t x',
    '/usr/bin/../../tmp/scp -t x',
    '/home/alice/bin/rsync --server . x',
    'sudo rsync --server . x',
    'rsync --server --daemon . x',
    'rsync --server -e sh . x',
    'rsync --server --rsh=sh . x',
    'rsync --server --log-file=/dev/stdout . x',
    'rsync -a x y',
    'rsync --server',
    'sftp-server -R',
    'sftp-server /etc',
    'git upload-pack --upload-pack=sh x',
    'git -c core.pager=sh upload-pack x',
    'git-upload-pack --strict x',
    'git-upload-pack a b',
    "git-upload-pack 'a' 'b'",
    "git-upload-pack 'it'\\''s'",
    'git shell',
  ])('records %j like any command', (command) => {
    expect(classifyExec(command)).toEqual({ kind: 'plain' });
  });

  it('never takes a command for a transfer that has a character with a meaning to a shell', () => {
    const start = fc.constantFrom(
      'scp -t ',
      'scp -f a',
      'rsync --server . ',
      'git-upload-pack a',
      'sftp-server',
    );
    const special = fc.constantFrom(...';&|<>()$`\\"*?[]#~{}!^\n\r\t\0');
    fc.assert(
      fc.property(start, fc.string(), special, fc.string(), (command, before, character, after) => {
        expect(classifyExec(command + before + character + after)).toEqual({ kind: 'plain' });
      }),
    );
  });

  it('looks at any text without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (command) => {
        classifyExec(command);
      }),
    );
  });
});

describe('scpIntoFolder', () => {
  it.each([
    ['scp -d -t /x', true],
    ['scp  -t  -d /x', true],
    [' scp -rpdt /x', true],
    ['scp -t /x', false],
    ['scp -t -- -d', false],
  ])('of %s is %s', (command, isFolder) => {
    expect(scpIntoFolder(command)).toBe(isFolder);
  });
});
