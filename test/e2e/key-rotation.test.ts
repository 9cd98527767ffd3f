import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, runDrawbridge, TestDemo } from '../support/demo.ts';
import { waitFor } from '../support/wait-for.ts';

type Role = 'proxy' | 'bastion' | 'agent';

describe('rotating the keys of an installation', () => {
  let demo: TestDemo;
  beforeAll(async () => {
    demo = await TestDemo.start();
  }, 120_000);
  afterAll(() => demo.stop());

  /** The process of a role, and its configuration. */
  function placeOf(role: Role) {
    const [agent] = demo.document.agents;
    const place = role === 'agent' ? agent : demo.document[role];
    if (place === undefined) throw new Error('the demo has no such role');
    return place;
  }

  async function rotate(role: Role) {
    const run = await runDrawbridge([role, 'rotate-key', '--json', '--config', placeOf(role).config]);
    expect(run.stderr).toBe('');
    return JSON.parse(run.stdout) as { id: string; from: string; to: string };
  }

  /** As after a power cut: what was not on the disk is lost. */
  async function killAndStart(role: Role): Promise<void> {
    const { pid, config } = placeOf(role);
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !isAlive(pid), { what: `the ${role} to end` });
    await demo.startByHand(role, config);
  }

  it('needs no visit to the other ends, and every session works behind it', {
    timeout: 120_000,
  }, async () => {
    const [host = ''] = demo.document.hosts;
    const rotated: Partial<Record<Role, { id: string; from: string; to: string }>> = {};
    for (const role of ['agent', 'bastion', 'proxy'] as const) {
      const first = await rotate(role);
      // The running role goes on with its old key; a second rotation before the next start is followed too.
      expect((await demo.ssh([host, 'echo before'])).stdout).toBe('before\n');
      const second = await rotate(role);
      expect(second).toMatchObject({ id: first.id, from: first.to });
      await killAndStart(role);
      await demo.connected();
      expect(await demo.ssh([host, 'echo after'])).toMatchObject({ status: 0, stdout: 'after\n' });
      rotated[role] = { id: first.id, from: first.from, to: second.to };
    }
    const { agent, bastion, proxy } = rotated;
    const seen = (type: string, of: 'bastion' | 'proxy' = 'bastion') =>
      demo.auditEvent((event) => event.type === type, of);
    expect(await seen('agent.key_rotated')).toMatchObject({ ...keysOf(agent), agent: agent?.id });
    expect(await seen('proxy.key_rotated')).toMatchObject({ ...keysOf(proxy), proxy: proxy?.id });
    expect(await seen('bastion.key_rotated', 'proxy')).toMatchObject({
      ...keysOf(bastion),
      bastionId: bastion?.id,
    });
    for (const role of ['bastion', 'proxy'] as const) {
      expect(await seen('key.rotated', role)).toMatchObject({ node: rotated[role]?.id });
      const verified = await runDrawbridge(['audit', 'verify', '--config', placeOf(role).config]);
      expect(verified).toMatchObject({ status: 0, stderr: '' });
      expect(verified.stdout).toMatch(/^OK .* unchanged/);
      expect(verified.stdout).toContain(rotated[role]?.to);
    }
  });

  it('says which role a configuration is for', async () => {
    const run = await runDrawbridge(['agent', 'rotate-key', '--config', placeOf('bastion').config]);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('is the configuration of a bastion, not of an agent');
    expect(run.stderr).toContain('drawbridge bastion rotate-key');
  });
});

function keysOf(rotated: { from: string; to: string } | undefined) {
  return { from: rotated?.from, to: rotated?.to };
}
