import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadEnrolment, PinnedBastion, saveEnrolment } from '../../../agent/setup/enrolment-file.ts';
import { systemClock } from '../../../shared/clock.ts';
import {
  createNodeIdentity,
  loadNodeIdentity,
  rotateNodeIdentity,
} from '../../../shared/identity/node-identity.ts';
import { followSuccessions } from '../../../shared/identity/succession.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import type { Power } from '../../support/power-cut.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate } from '../../support/test-certificate.ts';
import { type Acquaintances, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

const power = vi.hoisted((): Power => ({ stepsLeft: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) =>
  (await import('../../support/power-cut.ts')).filesUnder(power, await original()),
);

const restorePower = (): void => {
  power.stepsLeft = Number.POSITIVE_INFINITY;
};
afterEach(restorePower);

/** More steps than any of these takes; without an end the loops would hide one that never finishes. */
const STEPS_LIMIT = 50;

/** Does `work` again and again, each time with one step more until the cut; `restart` is what follows. */
async function cutAfterEachStep(work: () => Promise<unknown>, restart: () => Promise<void>): Promise<number> {
  for (let steps = 0; steps < STEPS_LIMIT; steps += 1) {
    power.stepsLeft = steps;
    const isCut = await work().then(
      () => false,
      () => true,
    );
    restorePower();
    await restart();
    if (!isCut) return steps;
  }
  throw new Error('it never comes to an end');
}

/** An agent that has joined a bastion (here the acceptor), both with their files. */
async function prepare() {
  const bastionDir = temporaryDirectory();
  const agentDir = temporaryDirectory();
  const certificate = await createTestCertificate();
  const bastion = await createNodeIdentity(bastionDir, 'bastion', 'acme');
  const agent = await createNodeIdentity(agentDir, 'agent', 'web-1');
  await saveEnrolment(agentDir, {
    issuer: { id: bastion.id, name: 'acme', role: 'bastion', publicJwk: bastion.publicJwk },
    url: 'https://127.0.0.1',
    sshClientKey: generateSshKey('').publicLine.trim(),
  });
  let pinned = agent.publicJwk;
  /** Both are started from what is on the disk, and meet. */
  const connect = async (): Promise<void> => {
    // The names of the parts are those of the other tunnel.
    const who: Acquaintances = {
      proxy: await loadNodeIdentity(bastionDir),
      bastion: await loadNodeIdentity(agentDir),
      certificate,
    };
    const { port, close } = await meet(who, {
      findPeer: async (id) => (id === agent.id ? { id, name: 'web-1', publicJwk: pinned } : undefined),
      onSuccession: async (_peer, { to }) => {
        pinned = to;
      },
    });
    const peer = new PinnedBastion(agentDir, await loadEnrolment(agentDir), silentLogger());
    const uplink = uplinkTo(who, port, { peer });
    uplink.start();
    await waitFor(() => uplink.pick(), { what: 'the tunnel', timeoutMs: 30_000 });
    await uplink.stop('test.closed', 'The test is over.');
    await close();
    expect(pinned).toEqual(who.bastion.publicJwk);
    expect((await loadEnrolment(agentDir)).issuer.publicJwk).toEqual(who.proxy.publicJwk);
  };
  return { bastionDir, agentDir, connect };
}

describe('a rotation of the identity that is cut off', () => {
  it.each(['agentDir', 'bastionDir'] as const)(
    'at any step leaves both ends able to connect (%s)',
    { timeout: 60_000 },
    async (which) => {
      const place = await prepare();
      const directory = place[which];
      const { id } = await loadNodeIdentity(directory);
      const keys = new Set<string>();
      const steps = await cutAfterEachStep(
        () => rotateNodeIdentity(directory, systemClock),
        async () => {
          await place.connect();
          const identity = await loadNodeIdentity(directory);
          expect(identity.id).toBe(id);
          keys.add(identity.thumbprint);
        },
      );
      expect(steps).toBeGreaterThan(3);
      // The old one for the steps before the file was replaced, a new one for each after it.
      expect(keys.size).toBeGreaterThan(2);
    },
  );

  it('while the agent pins the new key of its bastion leaves a pin from which the new key is followed', async () => {
    const { bastionDir, agentDir } = await prepare();
    const { after } = await rotateNodeIdentity(bastionDir, systemClock);
    const before = await loadEnrolment(agentDir);
    const pins = new Set<string>();
    await cutAfterEachStep(
      async () => new PinnedBastion(agentDir, before, silentLogger()).succeed(after.publicJwk),
      async () => {
        const { id, publicJwk } = (await loadEnrolment(agentDir)).issuer;
        pins.add(publicJwk.x);
        const followed = await followSuccessions(publicJwk, { id, statements: after.successions });
        expect(followed).toEqual(after.publicJwk);
        await saveEnrolment(agentDir, before);
      },
    );
    expect(pins.size).toBe(2);
  });
});
