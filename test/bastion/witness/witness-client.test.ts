import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { WitnessClient } from '../../../bastion/witness/witness-client.ts';
import { signCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import { cosign } from '../../../shared/audit/cosignature.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { WitnessedCheckpoints } from '../../../shared/audit/witnessed-checkpoints.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import type { Tunnel } from '../../../shared/tunnel/tunnel.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

type Request = { readonly note: string; readonly from: number };

/** A bastion's log, its witness's key, and a witness that answers as it is told. */
async function world(dataDir = temporaryDirectory()) {
  const clock = new FakeClock();
  const identity = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  const proxy = await createNodeIdentity(temporaryDirectory(), 'proxy', 'central');
  const state: { answer: (request: Request) => unknown; asked: number } = {
    answer: ({ note }) => ({ outcome: 'cosigned', note: cosign(note, proxy, clock.nowMs()) }),
    asked: 0,
  };
  const tunnel = {
    open: (request: unknown) => {
      state.asked += 1;
      const stream = new PassThrough();
      const reply = (async () => state.answer(request as Request))();
      reply.catch(() => undefined);
      return { stream, reply };
    },
  } as unknown as Tunnel;
  const openLog = (directory: string) => AuditLog.open(directory, { identity, clock, log: silentLogger() });
  /** A log of so many events and a checkpoint. */
  const logOf = async (directory: string, events: number, what = 'x') => {
    const log = await openLog(directory);
    for (let n = 0; n < events; n += 1)
      await log.append({ type: 'exec.started', actor: 'operator:alice', command: `${what}-${n}` });
    await log.checkpoint();
    return log;
  };
  const run = async (log: AuditLog, options: { connected: boolean } = { connected: true }) => {
    const checkpoints = await WitnessedCheckpoints.open(dataDir);
    const client = await WitnessClient.start({
      ...{ identity, witness: proxy, checkpoints, log, audit: log, clock, logger: silentLogger() },
      tunnel: () => (options.connected ? tunnel : undefined),
    });
    const stop = async () => {
      await client.stop();
      await checkpoints.close();
      await log.close();
    };
    onTestFinished(stop);
    return { client, stop };
  };
  return { clock, identity, proxy, state, logOf, run };
}

test('what a witness answers that is no counter-signature of this very checkpoint counts for nothing', async () => {
  const { clock, identity, proxy, state, logOf, run } = await world();
  const thief = await createNodeIdentity(temporaryDirectory(), 'proxy', 'central');
  const log = await logOf(temporaryDirectory(), 3);
  const answers: [what: string, answer: (request: Request) => unknown, problem: RegExp][] = [
    ['nothing', () => undefined, /can not be read/],
    ['garbage', () => ({ outcome: 'cosigned', note: 7 }), /can not be read/],
    [
      'a huge note',
      ({ note }) => ({ outcome: 'cosigned', note: note + 'x'.repeat(20_000) }),
      /can not be read/,
    ],
    ['the note as it was given', ({ note }) => ({ outcome: 'cosigned', note }), /does not fit its key/],
    [
      'another key',
      ({ note }) => ({ outcome: 'cosigned', note: cosign(note, thief, 1) }),
      /does not fit its key/,
    ],
    [
      'a checkpoint of the same bastion that is not the one that was given',
      () => ({ outcome: 'cosigned', note: cosign(signCheckpoint(identity, 2, Buffer.alloc(32)), proxy, 1) }),
      /does not fit its key/,
    ],
    [
      'more text behind the note',
      ({ note }) => ({ outcome: 'cosigned', note: cosign(`${note}\nmore\n\n`, proxy, 1) }),
      /checkpoint|does not fit/,
    ],
    [
      'a time that no calendar has',
      ({ note }) => ({ outcome: 'cosigned', note: cosign(note, proxy, 8.9e15) }),
      /does not fit its key/,
    ],
    ['a size that is none', () => ({ outcome: 'stale', size: -1 }), /can not be read/],
    ['larger sizes for ever', () => ({ outcome: 'stale', size: 1e15 }), /does not settle on a size/],
    [
      'a refusal for a reason that it has made up',
      () => Promise.reject(new DrawbridgeError('witness.whatever', 'No.')),
      /No\./,
    ],
  ];
  const { client } = await run(log);
  for (const [what, answer, problem] of answers) {
    state.answer = answer;
    const before = state.asked;
    client.wake();
    await waitFor(() => state.asked > before && problem.test(client.summary.problem ?? ''), { what });
    expect({ what, ...client.summary }).toMatchObject({ what, state: 'pending' });
  }
  state.answer = ({ note }) => ({ outcome: 'cosigned', note: cosign(note, proxy, clock.nowMs()) });
  client.wake();
  await waitFor(() => client.summary.state === 'current');
  expect(client.summary.problem).toBeUndefined();
  // Nothing of that was an accusation.
  expect(await log.query({ type: 'witness.refused', limit: 10 })).toEqual([]);
});

test('an accusation is entered once, and taken back by a counter-signature', async () => {
  const { clock, proxy, state, logOf, run } = await world();
  const log = await logOf(temporaryDirectory(), 3);
  state.answer = () => Promise.reject(new DrawbridgeError('witness.rewritten', 'It was rewritten.'));
  const { client } = await run(log);
  for (let n = 1; n <= 3; n += 1) {
    client.wake();
    await waitFor(() => state.asked >= n && client.summary.state === 'refused');
  }
  expect(await log.query({ type: 'witness.refused', limit: 10 })).toHaveLength(1);
  state.answer = ({ note }) => ({ outcome: 'cosigned', note: cosign(note, proxy, clock.nowMs()) });
  client.wake();
  await waitFor(() => client.summary.state === 'current');
  expect(await log.query({ type: 'witness.resumed', limit: 10 })).toHaveLength(1);
});

test('a log that is not the one which was counter-signed shows at the next start, also without the witness', async () => {
  const { state, logOf, run } = await world();
  const first = await run(await logOf(temporaryDirectory(), 9));
  first.client.wake();
  await waitFor(() => first.client.summary.state === 'current');
  await first.stop();
  const asked = state.asked;

  const shorter = await logOf(temporaryDirectory(), 4);
  const rolledBack = await run(shorter, { connected: false });
  rolledBack.client.wake();
  await waitFor(() => rolledBack.client.summary.state === 'refused');
  expect(rolledBack.client.summary.problem).toMatch(/has 4 events now, and had 9 .* rolled back/);
  expect(await shorter.query({ type: 'witness.refused', limit: 10 })).toMatchObject([
    { actor: 'system', reason: 'witness.rolled_back' },
  ]);
  expect(state.asked).toBe(asked);
});

test('so does one that was written anew at the same length or beyond', async () => {
  const { logOf, run } = await world();
  const first = await run(await logOf(temporaryDirectory(), 9));
  first.client.wake();
  await waitFor(() => first.client.summary.state === 'current');
  await first.stop();
  const other = await run(await logOf(temporaryDirectory(), 12, 'rewritten'), { connected: false });
  other.client.wake();
  await waitFor(() => other.client.summary.state === 'refused');
  expect(other.client.summary.problem).toMatch(/first 9 events .* rewritten/);
});
