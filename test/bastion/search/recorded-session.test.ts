import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { SessionSummary } from '../../../bastion/service.ts';
import { verifyEvidence } from '../../../cli/verify-evidence.ts';
import { digestFile } from '../../../recordings/digest.ts';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { captureCommand } from '../../support/captured-command.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../../support/running-bastion.ts';
import { runSsh } from '../../support/ssh-client.ts';
import { waitFor } from '../../support/wait-for.ts';

const LOGIN = userInfo().username;

interface Found {
  readonly results: readonly {
    readonly session: SessionSummary;
    readonly hits: readonly { readonly text: string }[];
  }[];
}

describe('a session that was recorded', () => {
  let bastion: TestBastion;

  beforeAll(() => {
    expect(existsSync('dist/recordings/indexing/worker.js')).toBe(true);
  });

  async function start(): Promise<void> {
    bastion = await startTestBastion({
      config: { recordings: { compress: true, compressAfter: 0 } },
      hosts: async (clientKey) => {
        const host = await startBuiltinHost(clientKey);
        onTestFinished(() => host.close());
        return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
      },
    });
    await bastion.accessOn();
  }

  const search = async (text: string) =>
    (await bastion.call('recordings.search', { text, limit: 10 })) as unknown as Found;

  async function verified() {
    const { dataDir } = bastion.config;
    const place = {
      role: 'bastion' as const,
      configPath: '',
      dataDir,
      socketPath: '',
      recordingsDir: `${dataDir}/recordings`,
    };
    return verifyEvidence(place);
  }

  test('is found by what it showed, is compressed, verifies, and after its deletion still does', async () => {
    await start();
    const args = await bastion.sshArgs('web-1', LOGIN);
    await runSsh([...args, 'seq 1000 3000; echo needle in the haystack']);
    const { session, hits } = await waitFor(async () => (await search('needle haystack')).results[0]);
    expect(hits).toEqual([expect.objectContaining({ channel: 1, text: 'needle in the haystack' })]);
    await bastion.auditHas('recording.searched', { words: 'needle haystack' });

    const [recording] = session.recordings;
    const path = recording?.path ?? '';
    await waitFor(() => existsSync(`${path}.gz`) && !existsSync(path));
    expect((await digestFile(path)).sha256).toBe(recording?.sha256);
    await bastion.call('recordings.open', { session: session.id });
    await bastion.auditHas('recording.viewed', { session: session.id, how: 'replay' });
    expect(await verified()).toMatchObject({ ok: true, recordings: 1 });

    await bastion.call('recordings.hold', { session: session.id, reason: 'a test' });
    await expect(
      bastion.call('recordings.delete', { session: session.id, reason: 'x' }),
    ).rejects.toMatchObject({
      code: 'recording.held',
    });
    await bastion.call('recordings.release', { session: session.id, reason: 'done' });
    for (const channel of ['chanel', 'Channel']) {
      const misspelt = { session: session.id, reason: 'a test', [channel]: 7 };
      const refused = { code: 'usage.params' };
      await expect(bastion.call('recordings.delete', misspelt)).rejects.toMatchObject(refused);
    }
    expect(await bastion.call('recordings.delete', { session: session.id, reason: 'a test' })).toEqual({
      deleted: 1,
    });
    expect(existsSync(`${path}.gz`)).toBe(false);
    await expect(bastion.call('recordings.open', { session: session.id })).rejects.toMatchObject({
      code: 'recording.deleted',
    });
    expect((await search('needle haystack')).results).toEqual([]);
    const report = await verified();
    expect(report.ok).toBe(true);
    expect(report.lines.map(({ text }) => text).join(' ')).toContain('1 deleted as the log says');
  });

  test('has the list of what was typed in its terminal, and each look at it is entered', async () => {
    await start();
    const args = await bastion.sshArgs('web-1', LOGIN);
    const ssh = spawnSsh(['-tt', ...args, "env -i PS1='test$ ' TERM=xterm sh -i"]);
    const prompts = () => ssh.seen.stdout.split('test$ ').length - 1;
    await waitFor(() => prompts() === 1);
    ssh.child.stdin.write('echo typed by hand\n');
    await waitFor(() => prompts() === 2);
    ssh.child.stdin.write('exit\n');
    await ssh.ended;
    const { session } = await waitFor(async () => (await search('typed hand')).results[0]);
    const list = await waitFor(async () => {
      const found = (await bastion.call('recordings.commands', { session: session.id })) as unknown as {
        commands: readonly { channel: number; text: string }[];
        complete: boolean;
      };
      return found.complete ? found.commands : undefined;
    });
    expect(list.map(({ channel, text }) => [channel, text])).toEqual([
      [1, 'echo typed by hand'],
      [1, 'exit'],
    ]);
    await bastion.auditHas('recording.viewed', { session: session.id, channel: 1, how: 'commands' });
    const socket = ['--socket', join(bastion.config.dataDir, 'control.sock')];
    const printed = await captureCommand(['recordings', 'commands', `${session.id}/1`, ...socket]);
    expect(printed).toMatchObject({
      status: 0,
      out: expect.stringMatching(/\/1 +0:0\d {2}echo typed by hand/),
    });
    expect(printed.err).toContain('an aid, no evidence');
    const wrong = await captureCommand(['recordings', 'commands', '../x', ...socket]);
    expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining('SESSION/CHANNEL') });
    await expect(
      bastion.call('recordings.commands', { session: session.id, channel: 9 }),
    ).rejects.toMatchObject({ code: 'recording.not_found' });
  });

  test('stays an asciicast that every tool plays until it is old enough', async () => {
    bastion = await startTestBastion({
      hosts: async (clientKey) => {
        const host = await startBuiltinHost(clientKey);
        onTestFinished(() => host.close());
        return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
      },
    });
    await bastion.accessOn();
    await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'seq 1000 3000; echo still plain']);
    const { session } = await waitFor(async () => (await search('plain')).results[0]);
    await bastion.restart();
    const path = session.recordings[0]?.path ?? '';
    expect(existsSync(path)).toBe(true);
    expect(existsSync(`${path}.gz`)).toBe(false);
  });

  test('is read into a new index at the next start when the index was damaged', async () => {
    await start();
    await runSsh([...(await bastion.sshArgs('web-1', LOGIN)), 'echo before the restart']);
    await waitFor(async () => (await search('restart')).results[0]);
    await bastion.role.stop('a test');
    for (const suffix of ['-wal', '-shm'])
      rmSync(join(bastion.config.dataDir, `search.db${suffix}`), { force: true });
    writeFileSync(join(bastion.config.dataDir, 'search.db'), Buffer.alloc(8192, 'damaged'));
    await bastion.restart();
    // The first search says nothing of what is still being read.
    await waitFor(async () => (await search('restart')).results[0]);
  });
});
