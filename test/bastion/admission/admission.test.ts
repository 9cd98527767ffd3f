import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import {
  Admission,
  OPENING_STREAMS_PER_OPERATOR_MAX,
  STREAM_KINDS,
} from '../../../bastion/admission/admission.ts';
import { RefusalLog } from '../../../bastion/admission/refusal-log.ts';
import { Gate } from '../../../bastion/gate/gate.ts';
import type { DirectHostConfig } from '../../../bastion/hosts/direct-host.ts';
import { HostDirectory } from '../../../bastion/hosts/host-directory.ts';
import { parsePolicy } from '../../../bastion/policy/schema.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import type { PassClaims } from '../../../shared/identity/claims.ts';
import { silentLogger } from '../../../shared/log.ts';
import type { TunnelStream } from '../../../shared/tunnel/tunnel.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { startTestBastion } from '../../support/running-bastion.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

test('an operator who begins connections and never signs in keeps nobody else out', async () => {
  const bastion = await startTestBastion({
    // Never dialled: nobody gets as far as a login.
    hosts: async () => [{ name: 'web-1', address: { host: '127.0.0.1', port: 9 }, labels: {} }],
  });
  await bastion.accessOn();
  const begin = async (sub: string) =>
    bastion.proxy.ask({ host: 'web-1', pass: await bastion.proxy.pass({ sub }) });
  const begun = await Promise.all(
    Array.from({ length: OPENING_STREAMS_PER_OPERATOR_MAX }, () => begin('alice')),
  );
  await Promise.all(begun.map(({ reply }) => reply));
  await expect((await begin('alice')).reply).rejects.toMatchObject({ code: 'bastion.busy' });
  await expect((await begin('bob')).reply).resolves.toMatchObject({ ok: true });

  begun[0]?.stream.destroy();
  await waitFor(async () => (await begin('alice')).reply, { what: 'room for another connection' });
});

/** An admission whose passes are checked by `verifyPass`. */
async function admissionWith(verifyPass: (gate: Gate) => Promise<PassClaims>) {
  const clock = new FakeClock();
  const audit = new MemoryAudit();
  const log = silentLogger();
  const gate = await Gate.open({ dataDir: temporaryDirectory(), name: 'acme', audit, clock, log });
  const host: DirectHostConfig = { name: 'web-1', address: { host: '127.0.0.1', port: 9 }, labels: {} };
  const policy = parsePolicy(
    'version: 1\nroles: [{ name: r, groups: [g], hosts: { names: ["*"] }, logins: [root], allow: [shell] }]\n',
    'policy.yaml',
  );
  const admission = new Admission({
    ...{ name: 'acme', gate, clock, log, policy: { policy } },
    registry: { refusal: () => undefined },
    hosts: new HostDirectory({ agents: [], direct: [host], startedAt: '2030-01-01T00:00:00.000Z' }),
    evidence: { problem: async () => undefined },
    refusals: new RefusalLog(audit, clock),
    locks: { isLocked: () => false },
    verifyPass: () => verifyPass(gate),
    onAdmitted: async () => undefined,
  });
  /** What is answered to a stream of this kind: `accepted`, or the code and the sentence of a refusal. */
  const ask = async (kind: string): Promise<string[]> => {
    const answers: string[] = [];
    await admission.handle({
      request: { v: 1, kind, pass: 'p', host: 'web-1' },
      signal: new AbortController().signal,
      accept: () => {
        answers.push('accepted');
        return new PassThrough() as unknown as TunnelStream;
      },
      refuse: (code, sentence) => void answers.push(`${code}: ${sentence}`),
    });
    return answers;
  };
  return { gate, audit, ask };
}

test('a gate that closes while a pass is checked lets nobody in, and lists no hosts', async () => {
  const closings: Promise<unknown>[] = [];
  const { gate, ask } = await admissionWith(async (closing) => {
    closings.push(closing.turnOff('local:tester'));
    return { sub: 'alice', groups: ['g'], amr: ['mfa'] } as unknown as PassClaims;
  });
  for (const kind of STREAM_KINDS) {
    await Promise.all(closings);
    await gate.turnOn('local:tester');
    expect({ kind, answers: await ask(kind) }).toEqual({
      kind,
      answers: [expect.stringMatching(/^access\.off: /)],
    });
  }
  await Promise.all(closings);
});

test('a pass that can not be noted, since the disk takes nothing, is the fault of neither operator nor proxy', async () => {
  const { gate, audit, ask } = await admissionWith(async () => {
    throw new DrawbridgeError('store.failed', 'The database /somewhere/bastion.db failed.');
  });
  await gate.turnOn('local:tester');
  expect(await ask('ssh')).toEqual([
    'evidence.unavailable: acme can not write to its disk now, so it admits nobody.',
  ]);
  expect(audit.events.at(-1)).toMatchObject({
    type: 'operator.refused',
    code: 'evidence.unavailable',
  });
});
