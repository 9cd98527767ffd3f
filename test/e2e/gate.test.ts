import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestDemo } from '../support/demo.ts';
import { TerminalProgram } from '../support/terminal-program.ts';
import { waitFor } from '../support/wait-for.ts';

let demo: TestDemo;

beforeAll(async () => {
  demo = await TestDemo.start();
});

afterAll(async () => {
  await demo?.stop();
});

function liveShell(): TerminalProgram {
  return TerminalProgram.start('ssh', ['-F', demo.document.sshConfig, demo.host]);
}

async function accessState(): Promise<string> {
  const run = await demo.customer(['access', 'status', '--json']);
  return (JSON.parse(run.stdout) as { state: string }).state;
}

describe('drawbridge access off', () => {
  it('cuts a running session at once, tells the operator, and lets nobody in until it is on again', async () => {
    const shell = liveShell();
    try {
      await shell.atPrompt();
      const off = await demo.customer(['access', 'off', '--reason', 'end of the working day']);
      expect(off).toMatchObject({ status: 0 });
      expect(off.stdout).toMatch(/^Remote access is off since .*\(end of the working day\)/);
      await shell.shows(/access (is|was) (turned )?off|turned off/i, 2_000);
      expect(await shell.exit(2_000)).not.toBe(0);
    } finally {
      shell.kill();
    }
    const refused = await demo.ssh([demo.host, 'true']);
    expect(refused.status).toBe(255);
    expect(refused.durationMs).toBeLessThan(2_000);
    expect((await demo.ssh([`${demo.host}.wss`, 'true'])).status).toBe(255);
    expect(await demo.customer(['access', 'on'])).toMatchObject({ status: 0 });
    await demo.connected();
    expect(await demo.ssh([demo.host, 'exit 3'])).toMatchObject({ status: 3 });
  });

  it('stays off when every role is killed and started again', { timeout: 120_000 }, async () => {
    expect(await demo.customer(['access', 'off'])).toMatchObject({ status: 0 });
    const { proxy, bastion, agents } = demo.document;
    for (const { pid } of [proxy, bastion, ...agents]) process.kill(pid, 'SIGKILL');
    // Everybody's peer comes later: each has to wait for it.
    for (const agent of agents) await demo.startByHand('agent', agent.config);
    await demo.startByHand('bastion', bastion.config);
    await demo.startByHand('proxy', proxy.config);
    expect(await accessState()).toBe('off');
    expect((await demo.ssh([demo.host, 'true'])).status).toBe(255);
    expect(await demo.customer(['access', 'on'])).toMatchObject({ status: 0 });
    await demo.connected();
    expect(await demo.ssh([demo.host, 'exit 4'])).toMatchObject({ status: 4 });
  });

  it('comes by itself at the end of `access on --for`', async () => {
    const on = await demo.customer(['access', 'on', '--for', '1s']);
    expect(on.stdout).toMatch(/, until /);
    await waitFor(async () => (await accessState()) === 'off', {
      what: 'access to turn itself off',
      periodMs: 100,
    });
    await demo.auditEvent((event) => event.type === 'access.turned_off' && event.actor === 'system');
    expect(await demo.customer(['access', 'on'])).toMatchObject({ status: 0 });
    await demo.connected();
  });
});
