import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtCommand } from '../../bench/demo-process.ts';
import { rawOutput } from '../../recordings/cast-reader.ts';
import { runDrawbridge, runProgram, TestDemo } from '../support/demo.ts';
import { TerminalProgram } from '../support/terminal-program.ts';
import { waitFor } from '../support/wait-for.ts';

let demo: TestDemo;

beforeAll(async () => {
  demo = await TestDemo.start();
});

afterAll(async () => {
  await demo?.stop();
});

interface Listed {
  readonly id: string;
  readonly path: string;
  readonly command?: string;
}

async function recordingOf(word: string): Promise<Listed> {
  const find = async () => {
    const run = await demo.customer(['recordings', 'ls', '--json']);
    return (JSON.parse(run.stdout) as Listed[]).find(
      (recording) => recording.command?.includes(word) === true,
    );
  };
  return waitFor(find, { what: `the recording of ${word}`, periodMs: 100 });
}

/** What Debian's asciinema makes of a recording; it wants a terminal for that. */
async function playedByAsciinema(path: string): Promise<string> {
  const player = TerminalProgram.start('asciinema', ['cat', path]);
  try {
    expect(await player.exit()).toBe(0);
    return player.output;
  } finally {
    player.kill();
  }
}

async function bytesOf(output: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of output) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a recording', () => {
  it('is played by the stock asciinema, and by our own command', async () => {
    await demo.ssh([demo.host, 'echo first-word']);
    const { id, path } = await recordingOf('first-word');
    expect(await playedByAsciinema(path)).toContain('first-word');
    const own = await demo.customer(['recordings', 'play', id, '--speed', '100']);
    expect(own.stdout).toContain('first-word');
    const exported = await demo.customer(['recordings', 'export', id]);
    expect(exported.stdout).toBe(readFileSync(path, 'utf8'));
  });

  it('has all that the terminal showed when the bastion is killed, and plays after the restart', {
    timeout: 90_000,
  }, async () => {
    const flood = 'i=0; while :; do i=$((i+1)); echo "flood line $i"; done';
    const ssh = spawn('ssh', ['-tt', '-F', demo.document.sshConfig, demo.host, flood]);
    const shown: Buffer[] = [];
    ssh.stdout.on('data', (chunk: Buffer) => shown.push(chunk));
    const closed = once(ssh, 'close');
    await waitFor(() => shown.length > 50, { what: 'a flood of output' });
    process.kill(demo.document.bastion.pid, 'SIGKILL');
    await closed;
    await demo.startByHand('bastion', demo.document.bastion.config);
    await demo.connected();
    const { id, path } = await recordingOf('flood line');
    const recorded = await bytesOf(rawOutput(path));
    const seen = Buffer.concat(shown);
    expect(seen.length).toBeGreaterThan(1000);
    expect(recorded.subarray(0, seen.length).equals(seen)).toBe(true);
    expect(await playedByAsciinema(path)).toContain('flood line 1\r');
    await demo.auditEvent((event) => event.type === 'bastion.recovered');
    const verified = await demo.customer(['recordings', 'verify', id]);
    expect(verified.stdout).toContain('unchanged');
    expect(await demo.customer(['audit', 'verify'])).toMatchObject({ status: 0 });
    expect(await demo.ssh([demo.host, 'exit 5'])).toMatchObject({ status: 5 });
  });
});

describe('drawbridge audit', () => {
  it('verifies while the bastion runs, and exports every event', async () => {
    const verified = await demo.customer(['audit', 'verify']);
    expect(verified).toMatchObject({ status: 0, stderr: '' });
    expect(verified.stdout).toMatch(/^OK {3}/);
    const lines = (await demo.customer(['audit', 'export'])).stdout.trimEnd().split('\n');
    lines.forEach((line, index) => {
      expect((JSON.parse(line) as { seq: number }).seq).toBe(index + 1);
    });
  });

  it('does not mind a reader who leaves early', async () => {
    const command = `'${process.execPath}' '${builtCommand()}' audit`;
    const config = `--config '${demo.document.bastion.config}'`;
    for (const verb of ['ls --limit 1000', 'export']) {
      const run = await runProgram('sh', ['-c', `${command} ${verb} ${config} | head -c 10`]);
      expect(run).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it('verifies the proxy’s log as well', async () => {
    expect((await demo.audit('proxy')).map(({ type }) => type)).toContain('operator.signed_in');
    const verified = await runDrawbridge(['audit', 'verify', '--config', demo.document.proxy.config]);
    expect(verified).toMatchObject({ status: 0, stderr: '' });
  });

  it('finds one changed byte in a recording, and names the recording', async () => {
    await demo.ssh([demo.host, 'echo tampered-word']);
    const { id, path } = await recordingOf('tampered-word');
    await demo.auditEvent(
      (event) =>
        event.type === 'recording.closed' &&
        String(event['path']).length > 0 &&
        path.endsWith(String(event['path'])),
    );
    expect(await demo.customer(['recordings', 'verify', id])).toMatchObject({ status: 0 });
    appendFileSync(path, '\n');
    const recording = await demo.customer(['recordings', 'verify', id]);
    expect(recording.status).toBe(1);
    expect(recording.stderr).toContain(
      `drawbridge: error: The recording ${id} is not what the audit log says it was.`,
    );
    const all = await demo.customer(['audit', 'verify']);
    expect(all.status).toBe(1);
    expect(all.stderr).toMatch(/^drawbridge: error: The evidence does not verify: .*recording/);
  });
});
