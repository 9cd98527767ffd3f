import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type BastionConfig, loadBastionConfig } from '../../../bastion/config.ts';
import { startBastion } from '../../../bastion/main.ts';
import { initBastion } from '../../../bastion/setup/init.ts';
import { joinProxy } from '../../../bastion/setup/join.ts';
import { openCheckpoint, signCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import { cosignedAtMs } from '../../../shared/audit/cosignature.ts';
import { leafHash } from '../../../shared/audit/merkle.ts';
import { WitnessedCheckpoints } from '../../../shared/audit/witnessed-checkpoints.ts';
import { systemClock } from '../../../shared/clock.ts';
import { ControlClient } from '../../../shared/control/client.ts';
import { loadNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { collect } from '../../support/collect.ts';
import { freePort } from '../../support/free-port.ts';
import { startTestProxy, type TestProxy } from '../../support/running-proxy.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

interface Summary {
  readonly state: string;
  readonly events?: number;
  readonly problem?: string;
}

async function joined(proxy: TestProxy): Promise<BastionConfig> {
  const { token } = (await proxy.control.call('bastion.token', { name: 'acme' })) as { token: string };
  const httpsPort = await freePort();
  const made = await initBastion({ dir: temporaryDirectory(), name: 'acme', host: '127.0.0.1', httpsPort });
  const config = await loadBastionConfig(made.configPath);
  await joinProxy({ config, url: proxy.url, token });
  return config;
}

async function run(config: BastionConfig) {
  const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
  const control = await ControlClient.connect(role.addresses['control'] ?? '');
  const stop = async () => {
    control.close();
    await role.stop('the test wants it');
  };
  onTestFinished(stop);
  const witness = async (): Promise<Summary> => {
    const status = (await control.call('status')) as unknown as { evidence: { witness: Summary } };
    return status.evidence.witness;
  };
  return {
    control,
    stop,
    witness,
    becomes: (state: string) =>
      waitFor(
        async () => {
          const found = await witness();
          return found.state === state ? found : undefined;
        },
        { what: `the witness to be ${state}` },
      ),
    turn: (state: 'on' | 'off') => control.call('access.set', { state }),
  };
}

async function listed(proxy: TestProxy) {
  const [bastion] = (await proxy.control.call('bastion.list')) as unknown as {
    witness: { state: string; events?: number; refusal?: { code: string } };
  }[];
  return bastion?.witness;
}

test('the proxy counter-signs each checkpoint, notices a log that was rolled back, and goes on when told', async () => {
  const proxy = await startTestProxy();
  const config = await joined(proxy);
  let bastion = await run(config);
  expect(await bastion.witness()).toMatchObject({ state: 'pending' });
  await bastion.turn('on');
  await bastion.becomes('current');
  await bastion.control.call('audit.checkpoint');
  const first = await bastion.becomes('current');
  await proxy.auditHas('witness.started', { bastion: 'acme' });
  expect(await listed(proxy)).toMatchObject({ state: 'consistent' });

  // Off takes the tunnels away: checkpoints wait, and are handed over when access is on again.
  await bastion.stop();
  const backup = join(temporaryDirectory(), 'backup');
  cpSync(config.dataDir, backup, { recursive: true });
  bastion = await run(config);
  await bastion.turn('off');
  await bastion.turn('on');
  await waitFor(async () => {
    const found = await bastion.becomes('current');
    return (found.events ?? 0) > (first.events ?? 0) + 3 ? found : undefined;
  });
  const identity = await loadNodeIdentity(config.dataDir);
  const kept = await WitnessedCheckpoints.open(config.dataDir, { readOnly: true });
  const notes = await collect(kept.all(identity.id));
  await kept.close();
  expect(notes.length).toBeGreaterThan(1);
  for (const { note, size } of notes) {
    expect(openCheckpoint(note, identity.publicJwk).size).toBe(size);
    expect(cosignedAtMs(note, proxy.identity)).toBeGreaterThan(0);
  }

  // Everything is rolled back, witness.db included: only the proxy can know.
  await bastion.stop();
  rmSync(config.dataDir, { recursive: true });
  cpSync(backup, config.dataDir, { recursive: true });
  bastion = await run(config);
  await bastion.turn('on');
  const refused = await bastion.becomes('refused');
  expect(refused.problem).toContain('rolled back');
  expect(await proxy.auditHas('witness.refused', { reason: 'witness.rolled_back' })).toMatchObject({
    bastion: 'acme',
    note: expect.stringContaining(identity.id) as string,
  });
  expect(await listed(proxy)).toMatchObject({ state: 'refused', refusal: { code: 'witness.rolled_back' } });

  await proxy.control.call('bastion.reset-witness', { name: 'acme', reason: 'restored from a backup' });
  await bastion.becomes('current');
  expect(await listed(proxy)).toMatchObject({ state: 'consistent' });
  await proxy.auditHas('witness.reset', { reason: 'restored from a backup' });
});

test('the proxy refuses a history that was rewritten, a checkpoint of another log, and nonsense', async () => {
  const proxy = await startTestProxy();
  const { identity, uplink } = await proxy.joinBastion('acme', (incoming) => incoming.refuse('no', 'No.'));
  const other = await proxy.joinBastion('other', (incoming) => incoming.refuse('no', 'No.'));
  const ask = async (fields: object) => {
    const tunnel = uplink.pick();
    if (tunnel === undefined) throw new Error('there is no tunnel');
    const { stream, reply } = tunnel.open({ v: 1, kind: 'witness', ...fields });
    return reply.finally(() => stream.destroy());
  };
  const noteOf = (size: number, text: string, by = identity) => signCheckpoint(by, size, leafHash(text));

  await expect(ask({ note: noteOf(1, 'a'), from: 0, proof: [] })).resolves.toMatchObject({
    outcome: 'cosigned',
  });
  await expect(ask({ note: noteOf(1, 'a'), from: 1, proof: [] })).resolves.toMatchObject({
    outcome: 'cosigned',
  });
  await expect(ask({ note: noteOf(2, 'b'), from: 0, proof: [] })).resolves.toMatchObject({
    outcome: 'stale',
    size: 1,
  });
  const proof = [leafHash('x').toString('base64')];
  await expect(ask({ note: noteOf(2, 'b'), from: 1, proof })).rejects.toMatchObject({
    code: 'witness.rewritten',
  });
  await expect(ask({ note: noteOf(1, 'b'), from: 1, proof: [] })).rejects.toMatchObject({
    code: 'witness.rewritten',
  });
  await expect(ask({ note: noteOf(0, 'b'), from: 0, proof: [] })).rejects.toMatchObject({
    code: 'witness.rolled_back',
  });
  await expect(ask({ note: noteOf(9, 'b', other.identity), from: 1, proof })).rejects.toMatchObject({
    code: 'witness.bad_checkpoint',
  });
  await expect(ask({ note: 'x', from: -1, proof: [] })).rejects.toMatchObject({ code: 'witness.malformed' });
  const tooMany = Array.from({ length: 65 }, () => proof[0]);
  await expect(ask({ note: noteOf(2, 'b'), from: 1, proof: tooMany })).rejects.toMatchObject({
    code: 'witness.malformed',
  });
  expect((await proxy.audit('witness.refused')).map((event) => event['reason'])).toEqual(
    expect.arrayContaining(['witness.rewritten', 'witness.rolled_back', 'witness.bad_checkpoint']),
  );
  // What it saw last still counts.
  await expect(ask({ note: noteOf(1, 'a'), from: 1, proof: [] })).resolves.toMatchObject({
    outcome: 'cosigned',
  });
  await proxy.auditHas('witness.resumed');

  for (let n = 0; n < 70; n += 1) await ask({ note: 'x', from: -1, proof: [] }).catch(() => undefined);
  let limited = 0;
  for (let n = 0; n < 70; n += 1) {
    await ask({ note: noteOf(1, 'a'), from: 1, proof: [] }).catch((error: { code: string }) => {
      if (error.code === 'witness.limited') limited += 1;
    });
  }
  expect(limited).toBeGreaterThan(0);
});
