import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import { isAlive, runDrawbridge, TestDemo } from '../support/demo.ts';
import { waitFor } from '../support/wait-for.ts';

const account = z.object({ password: z.string(), totpSecret: z.string() });

type Role = 'proxy' | 'bastion' | 'agent';

describe('rotating the keys of an installation', () => {
  let demo: TestDemo;
  /** Ids of the processes that took the place of the demo's own. */
  const started = new Map<Role, number>();
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

  async function rotate(role: Role, of = 'identity') {
    const run = await runDrawbridge([
      role,
      'rotate-key',
      '--of',
      of,
      '--json',
      '--config',
      placeOf(role).config,
    ]);
    expect(run.stderr).toBe('');
    return JSON.parse(run.stdout) as { id: string; from: string; to: string };
  }

  /** As after a power cut: what was not on the disk is lost. */
  async function killAndStart(role: Role): Promise<void> {
    const { pid: firstPid, config } = placeOf(role);
    const pid = started.get(role) ?? firstPid;
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !isAlive(pid), { what: `the ${role} to end` });
    const { child } = await demo.startByHand(role, config);
    if (child.pid !== undefined) started.set(role, child.pid);
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

  it('renews SSH keys in the same way: the other ends believe the word that the identity signs', {
    timeout: 120_000,
  }, async () => {
    const [host = ''] = demo.document.hosts;
    const works = async () =>
      expect(await demo.ssh([host, 'echo on'])).toMatchObject({ status: 0, stdout: 'on\n' });
    const host1 = await rotate('agent', 'ssh-host');
    // Until it is started again, the running agent has its old key.
    await works();
    await killAndStart('agent');
    await demo.connected();
    await works();
    expect(await demo.auditEvent(({ type }) => type === 'agent.host_key_rotated')).toMatchObject({
      host: 'web-1',
      from: host1.from,
      to: host1.to,
    });

    // As if it was cut off between its two files: the line for administrators is still that of the old key.
    const publicLine = join(demo.document.bastion.dataDir, 'ssh_client_ed25519_key.pub');
    const oldLine = readFileSync(publicLine, 'utf8');
    const client = await rotate('bastion', 'ssh-client');
    writeFileSync(publicLine, oldLine);
    const host2 = await rotate('bastion', 'ssh-host');
    await killAndStart('bastion');
    await demo.connected();
    expect(parsePublicLine(readFileSync(publicLine, 'utf8')).fingerprint).toBe(client.to);
    const seen = await demo.auditEvent(({ type }) => type === 'bastion.host_key_rotated', 'proxy');
    expect(seen).toMatchObject({ bastion: 'acme', from: host2.from, to: host2.to });
    // What an operator has pinned is not changed under them: a login brings the new key.
    const before = await demo.ssh([host, 'true']);
    expect(before.status).toBe(255);
    expect(before.stderr).toMatch(/HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
    const known = readFileSync(demo.document.knownHosts, 'utf8');
    const keys = spawnSync('ssh-keygen', ['-l', '-f', demo.document.knownHosts], { encoding: 'utf8' });
    expect(keys.stdout).toContain(host2.from);
    expect(known).not.toBe('');

    const proxyKey = await rotate('proxy', 'ssh-host');
    await killAndStart('proxy');
    await signInAgain();
    const after = spawnSync('ssh-keygen', ['-l', '-f', demo.document.knownHosts], { encoding: 'utf8' });
    expect(after.stdout).toContain(proxyKey.to);
    await demo.connected();
    await works();
  });

  /** A login that brings the keys of now, by somebody else: the first operator's code of this half minute is spent. */
  async function signInAgain(): Promise<void> {
    const { proxy } = demo.document;
    const added = await runDrawbridge([
      ...['proxy', 'user', 'add', 'sam', '--group', 'support', '--json'],
      ...['--config', proxy.config],
    ]);
    const { password, totpSecret } = account.parse(JSON.parse(added.stdout));
    const login = await runDrawbridge(
      [
        ...['login', proxy.url, '--ca', proxy.ca, '--username', 'sam'],
        ...['--home', join(demo.demo.dir, 'operator'), '--code', generateSync({ secret: totpSecret })],
      ],
      { DRAWBRIDGE_PASSWORD: password },
    );
    expect(login).toMatchObject({ status: 0 });
  }

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
