import { expect, it } from 'vitest';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { verifyAudit } from '../../../shared/audit/verify.ts';
import { systemClock } from '../../../shared/clock.ts';
import {
  createNodeIdentity,
  loadNodeIdentity,
  type NodeIdentity,
  rotateNodeIdentity,
} from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { collect } from '../../support/collect.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** Opens the log as its role does at a start, writes a little, signs it, and gives all of it. */
async function run(directory: string, identity?: NodeIdentity): Promise<readonly AuditEvent[]> {
  const own = identity ?? (await loadNodeIdentity(directory));
  const log = await AuditLog.open(directory, { identity: own, clock: systemClock, log: silentLogger() });
  await log.append({ type: 'bastion.started', actor: 'system' });
  await log.checkpoint();
  const events = await collect(log.all());
  await log.close();
  return events;
}

function verify(
  events: readonly AuditEvent[],
  { publicJwk, successions }: Pick<NodeIdentity, 'publicJwk' | 'successions'>,
  checkpoints: readonly string[] = [],
) {
  return verifyAudit({
    events: (async function* () {
      yield* events;
    })(),
    checkpoints,
    publicJwk,
    successions,
  });
}

it('a log whose key was rotated verifies with the first key, with the last one, and with those between', async () => {
  const directory = temporaryDirectory();
  const keys = [await createNodeIdentity(directory, 'bastion', 'acme')];
  await run(directory);
  for (let i = 0; i < 2; i += 1) {
    keys.push((await rotateNodeIdentity(directory, systemClock)).after);
    // Twice: the second start has nothing to enter.
    await run(directory);
    await run(directory);
  }
  const events = await run(directory);
  expect(events.filter(({ type }) => type === 'key.rotated')).toHaveLength(2);
  const notes = events.flatMap(({ note }) => (typeof note === 'string' ? [note] : []));
  for (const key of keys) {
    const report = await verify(events, key, notes);
    expect(report).toMatchObject({ ok: true });
    expect(report.checkpoints).toBeGreaterThan(notes.length);
  }
  expect((await verify(events, { ...(keys[0] as NodeIdentity), successions: [] })).lines[1]?.text).toContain(
    keys.at(-1)?.thumbprint,
  );
});

it('a key that was replaced signs nothing that comes later', async () => {
  const directory = temporaryDirectory();
  const first = await createNodeIdentity(directory, 'bastion', 'acme');
  await run(directory);
  const { after } = await rotateNodeIdentity(directory, systemClock);
  await run(directory);
  // Somebody who has got hold of the old key goes on with the log.
  const events = await run(directory, first);
  const report = await verify(events, after);
  expect(report.ok).toBe(false);
  expect(JSON.stringify(report.lines)).toContain(`The checkpoint in event ${events.at(-1)?.seq}`);
});

it('a new key that the old one did not name is found', async () => {
  const directory = temporaryDirectory();
  const first = await createNodeIdentity(directory, 'bastion', 'acme');
  await run(directory);
  const thief = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  const other = temporaryDirectory();
  await createNodeIdentity(other, 'bastion', 'acme');
  const { after } = await rotateNodeIdentity(other, systemClock);
  const events = await run(directory, { ...thief, id: first.id, successions: after.successions });
  const report = await verify(events, first);
  expect(report.ok).toBe(false);
  expect(JSON.stringify(report.lines)).toMatch(/new key in event \d+: it does not follow/);
});
