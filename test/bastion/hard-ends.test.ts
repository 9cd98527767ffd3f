import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SessionSummary } from '../../bastion/service.ts';
import { rawOutput } from '../../recordings/cast-reader.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { ISOLATED, runProgram, runSsh } from '../support/ssh-client.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const MEBIBYTE = 1024 * 1024;

function bastionWithHost(options: Parameters<typeof startTestBastion>[0] = {}): Promise<TestBastion> {
  return startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    ...options,
  });
}

async function sessions(bastion: TestBastion): Promise<readonly SessionSummary[]> {
  return (await bastion.call('sessions.list', { limit: 100 })) as unknown as SessionSummary[];
}

async function onlyRecording(bastion: TestBastion) {
  const recording = (await sessions(bastion)).flatMap((session) => session.recordings)[0];
  if (recording === undefined) throw new Error('no recording');
  return recording;
}

async function recorded(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of rawOutput(path)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A small disk of its own, or why there is none. */
function smallDisk(sizeBytes: number): { readonly path: string } | { readonly unavailable: string } {
  const path = join(temporaryDirectory(), 'disk');
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path]);
  if (mounted.status !== 0) return { unavailable: `mount is not permitted here: ${mounted.stderr}` };
  onTestFinished(() => {
    spawnSync('umount', ['-l', path]);
  });
  return { path };
}

describe('access off under a flood', () => {
  test('every operator is cut, and sees nothing that is not recorded', async () => {
    const bastion = await bastionWithHost();
    await bastion.accessOn();
    const clients = await Promise.all(
      Array.from({ length: 8 }, async () =>
        spawnSsh([...(await bastion.sshArgs('web-1', LOGIN)), '-o', 'LogLevel=INFO', 'yes drawbridge']),
      ),
    );
    await waitFor(() => clients.every((client) => client.seen.stdoutBytes > 500_000), { timeoutMs: 30_000 });
    await bastion.call('access.set', { state: 'off', reason: 'flooded' });
    for (const client of clients) {
      expect(await client.ended).not.toBe(0);
      // Words come behind what was encrypted already; a client with too much of that is cut without them.
      expect(client.seen.stderr).toMatch(
        /Remote access to acme is turned off: flooded\.|closed by remote host|Broken pipe|reset by peer/,
      );
    }
    await waitFor(async () => (await sessions(bastion)).every((session) => session.state === 'ended'));
    const left = (await sessions(bastion)).flatMap((session) => session.recordings);
    const sizes = await Promise.all(left.map(async ({ path }) => (await recorded(path)).length));
    const seen = clients.map((client) => client.seen.stdoutBytes);
    sizes.sort((a, b) => a - b);
    seen.sort((a, b) => a - b);
    // Whoever is whoever: the n-th longest that was seen can't be longer than the n-th longest that was recorded.
    expect(seen.every((bytes, at) => bytes <= (sizes[at] ?? 0))).toBe(true);
  }, 60_000);
});

describe('the end of a terminal', () => {
  test('in the middle of a character loses no byte', async () => {
    const bastion = await bastionWithHost();
    await bastion.accessOn();
    const result = await runSsh([
      '-tt',
      ...(await bastion.sshArgs('web-1', LOGIN)),
      "printf 'end:\\342\\202'",
    ]);
    expect(result.stdoutBytes.subarray(-6).toString('latin1')).toBe('end:\u00e2\u0082');
    await bastion.auditHas('exec.ended');
    const all = await recorded((await onlyRecording(bastion)).path);
    expect(all.subarray(-6).toString('latin1')).toBe('end:\u00e2\u0082');
  });
});

describe('a disk that fills up in the middle of a session', () => {
  test('ends the session with a sentence, and the operator saw nothing that is not in the recording', async ({
    skip,
  }) => {
    const disk = smallDisk(72 * MEBIBYTE);
    if ('unavailable' in disk) return skip(disk.unavailable);
    const bastion = await bastionWithHost({
      // Not compressed, which would make room again.
      config: { recordings: { compress: false, compressAfter: 0, directory: disk.path } },
    });
    await bastion.accessOn();
    const ssh = spawnSsh([
      ...(await bastion.sshArgs('web-1', LOGIN)),
      '-o',
      'LogLevel=INFO',
      'while :; do seq 1 100000; done',
    ]);
    await waitFor(() => ssh.seen.stdoutBytes > 0);
    const { bavail, bsize } = statfsSync(disk.path);
    writeFileSync(join(disk.path, 'filler'), Buffer.alloc(Math.max(bavail * bsize - 24 * MEBIBYTE, 0)));
    expect(await ssh.ended).not.toBe(0);
    expect(ssh.seen.stderr).toContain('can no longer record this session');
    const ended = await bastion.auditHas('session.ended', { code: 'recording.failed' });
    expect(ended['reason']).toContain('The recording could not be written');
    const closed = await bastion.auditHas('recording.closed', { complete: false });
    const { path } = await onlyRecording(bastion);
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(closed['sha256']);
    expect(ssh.seen.stdoutBytes).toBeLessThanOrEqual((await recorded(path)).length);
    // The next one is told before anything runs.
    const refused = await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo ran']);
    expect(refused.stdout).toBe('');
    expect(bastion.proxy.refusals.at(-1)).toContain('disk left for evidence');
  }, 60_000);
});

describe('what a transfer can not be used for', () => {
  let bastion: TestBastion;

  beforeEach(async () => {
    bastion = await bastionWithHost();
    await bastion.accessOn();
  });

  test('an SFTP channel whose packets make no sense ends, and the session with others goes on', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const result = await runSsh(['-s', ...args, 'sftp'], { input: Buffer.from('ls -l /; id\n'.repeat(20)) });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('can not tell what this file transfer does');
    const ended = await bastion.auditHas('exec.ended');
    expect(ended['filesUnknownBecause']).toContain('the client sent');
    expect(ended['problem']).toContain('can not tell');
  });

  test('what a transfer says on standard error is recorded', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const result = await runSsh([...args, 'rsync --server --sender -e.LsfxC . /nowhere/at-all'], {
      input: Buffer.from([31, 0, 0, 0, 0, 0, 0, 0]),
    });
    expect(result.stderr).not.toBe('');
    await bastion.auditHas('exec.ended');
    const shown = (await recorded((await onlyRecording(bastion)).path)).toString();
    expect(result.stderr).toContain(shown.trim().split('\n')[0]);
    expect(shown).not.toBe('');
    await bastion.auditHas('recording.closed', { complete: true });
  });

  test('what a hook of a git repository prints is recorded', async () => {
    const repository = join(temporaryDirectory(), 'hooked.git');
    const git = (...args: string[]): void => void spawnSync('git', args);
    git('init', '--bare', repository);
    const args = await bastion.sshArgs('web-1', LOGIN);
    const result = await runSsh([...args, `git-receive-pack '${repository}'`], { input: '0000' });
    expect(result.stdoutBytes.length).toBeGreaterThan(0);
    await bastion.auditHas('exec.started', {
      transfer: { direction: 'upload', kind: 'git', path: repository },
    });
    await bastion.auditHas('exec.ended');
    expect((await recorded((await onlyRecording(bastion)).path)).equals(result.stdoutBytes)).toBe(true);
  });

  test('a long command is entered with its hash, so that its end is not hidden', async () => {
    const command = `: ${'x'.repeat(20_000)}; echo hidden`;
    const result = await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), command]);
    expect(result.stdout).toBe('hidden\n');
    const commandSha256 = createHash('sha256').update(command).digest('hex');
    await bastion.auditHas('exec.started', { commandBytes: command.length, commandSha256 });
  });

  test('many small reads at once are held up and not refused', async () => {
    const file = join(bastion.dir, 'many');
    writeFileSync(file, Buffer.alloc(4 * MEBIBYTE, 7));
    const to = join(bastion.dir, 'many.got');
    const args = await bastion.sshArgs('web-1', LOGIN);
    const port = args[args.indexOf('-p') + 1] ?? '';
    const result = await runProgram('sftp', [
      ...ISOLATED,
      '-i',
      bastion.operatorKey.path,
      '-P',
      port,
      '-B',
      '512',
      '-R',
      '4096',
      `${LOGIN}@127.0.0.1:${file}`,
      to,
    ]);
    expect({ code: result.code, stderr: result.stderr }).toMatchObject({ code: 0 });
    expect(statSync(to).size).toBe(4 * MEBIBYTE);
    await bastion.auditHas('file.read', { path: file, result: 'ok', bytes: 4 * MEBIBYTE });
  });
});

describe('what is refused', () => {
  test('a forward to a socket is refused and entered', async () => {
    const bastion = await bastionWithHost();
    await bastion.accessOn();
    const args = await bastion.sshArgs('web-1', LOGIN);
    const local = join(bastion.dir, 'local.sock');
    const ssh = spawnSsh(['-N', '-L', `${local}:/run/secret.sock`, ...args]);
    await waitFor(() => readdirSync(bastion.dir).includes('local.sock'));
    const socket = connect(local);
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    await bastion.auditHas('forward.refused', { destination: '/run/secret.sock' });
    ssh.child.kill();
  });
});
