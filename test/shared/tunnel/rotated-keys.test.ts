import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import type { PublicJwk } from '../../../shared/identity/keys.ts';
import {
  createNodeIdentity,
  type NodeIdentity,
  rotateNodeIdentity,
} from '../../../shared/identity/node-identity.ts';
import { signSuccession } from '../../../shared/identity/succession.ts';
import type { PinnedPeer } from '../../../shared/tunnel/dial.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate } from '../../support/test-certificate.ts';
import { type Acquaintances, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

/** What one end has pinned of the other. */
class Pin implements PinnedPeer {
  readonly id: string;
  publicJwk: PublicJwk;
  readonly successions: string[] = [];
  /** Thrown instead of pinning. */
  problem: Error | undefined;

  constructor({ id, publicJwk }: NodeIdentity) {
    this.id = id;
    this.publicJwk = publicJwk;
  }

  async succeed(to: PublicJwk): Promise<void> {
    if (this.problem !== undefined) throw this.problem;
    this.successions.push(to.x);
    this.publicJwk = to;
  }
}

async function prepare() {
  const proxyDir = temporaryDirectory();
  const bastionDir = temporaryDirectory();
  const who: Acquaintances = {
    proxy: await createNodeIdentity(proxyDir, 'proxy', 'vendor'),
    bastion: await createNodeIdentity(bastionDir, 'bastion', 'acme'),
    certificate: await createTestCertificate(),
  };
  return { who, proxyDir, bastionDir, ofBastion: new Pin(who.bastion), ofProxy: new Pin(who.proxy) };
}

/** An acceptor that pins the bastion's key in `pin`. */
function accepting(who: Acquaintances, pin: Pin) {
  return meet(who, {
    findPeer: async (id) => (id === pin.id ? { id, name: 'acme', publicJwk: pin.publicJwk } : undefined),
    onSuccession: (_peer, { from, to }) => {
      expect(from.x).toBe(pin.publicJwk.x);
      return pin.succeed(to);
    },
  });
}

const isUp = (uplink: ReturnType<typeof uplinkTo>) => waitFor(() => uplink.pick());

describe('a tunnel after a key was rotated', () => {
  it('comes up when the dialler has a new key, which is pinned before the tunnel is', async () => {
    const { who, bastionDir, ofBastion } = await prepare();
    await rotateNodeIdentity(bastionDir, systemClock);
    const { after } = await rotateNodeIdentity(bastionDir, systemClock);
    const { port } = await accepting(who, ofBastion);
    const uplink = uplinkTo({ ...who, bastion: after }, port);
    uplink.start();
    await isUp(uplink);
    expect(ofBastion.successions).toEqual([after.publicJwk.x]);
  });

  it('comes up when the acceptor has a new key, which is pinned before the tunnel is', async () => {
    const { who, proxyDir, ofBastion, ofProxy } = await prepare();
    const { after } = await rotateNodeIdentity(proxyDir, systemClock);
    const { port } = await accepting({ ...who, proxy: after }, ofBastion);
    const uplink = uplinkTo(who, port, { peer: ofProxy });
    uplink.start();
    await isUp(uplink);
    expect(ofProxy.successions).toEqual([after.publicJwk.x]);
  });

  it('comes up when both have one', async () => {
    const { who, proxyDir, bastionDir, ofBastion, ofProxy } = await prepare();
    const proxy = (await rotateNodeIdentity(proxyDir, systemClock)).after;
    const bastion = (await rotateNodeIdentity(bastionDir, systemClock)).after;
    const { port } = await accepting({ ...who, proxy }, ofBastion);
    const uplink = uplinkTo({ ...who, bastion }, port, { peer: ofProxy });
    uplink.start();
    await isUp(uplink);
    expect([ofBastion.publicJwk.x, ofProxy.publicJwk.x]).toEqual([bastion.publicJwk.x, proxy.publicJwk.x]);
  });

  it('is refused with the old key from then on', async () => {
    const { who, bastionDir, ofBastion } = await prepare();
    const { before, after } = await rotateNodeIdentity(bastionDir, systemClock);
    const { port, refused } = await accepting(who, ofBastion);
    const uplink = uplinkTo({ ...who, bastion: after }, port);
    uplink.start();
    await isUp(uplink);
    const thief = uplinkTo({ ...who, bastion: before }, port);
    thief.start();
    await waitFor(() => refused.includes('bad_signature'));
    expect(ofBastion.publicJwk.x).toBe(after.publicJwk.x);
  });

  it('is refused to whoever has the statement and not the new key', async () => {
    const { who, bastionDir, ofBastion } = await prepare();
    const { after } = await rotateNodeIdentity(bastionDir, systemClock);
    const thief = await createNodeIdentity(temporaryDirectory(), 'bastion', 'thief');
    const { port, refused } = await accepting(who, ofBastion);
    const { id, successions } = after;
    const uplink = uplinkTo({ ...who, bastion: { ...thief, id, successions } }, port);
    uplink.start();
    await waitFor(() => refused.includes('bad_signature'));
    const own = { id, from: after.publicJwk, to: thief.publicJwk };
    const forged = await signSuccession(own, thief.privateKey, systemClock);
    const liar = { ...thief, id, successions: [...successions, forged] };
    const second = uplinkTo({ ...who, bastion: liar }, port);
    second.start();
    await waitFor(() => refused.length > 2);
    expect(ofBastion.successions).toEqual([]);
  });

  it('is not used while the new key could not be pinned, and comes up when it can', async () => {
    const { who, bastionDir, proxyDir, ofBastion, ofProxy } = await prepare();
    const proxy = (await rotateNodeIdentity(proxyDir, systemClock)).after;
    const bastion = (await rotateNodeIdentity(bastionDir, systemClock)).after;
    ofBastion.problem = new Error('the disk is full');
    ofProxy.problem = new Error('the disk is full');
    const { port, refused } = await accepting({ ...who, proxy }, ofBastion);
    const uplink = uplinkTo({ ...who, bastion }, port, { peer: ofProxy });
    uplink.start();
    await waitFor(() => refused.includes('failed'));
    ofBastion.problem = undefined;
    await waitFor(() => ofBastion.successions.length > 0);
    expect(uplink.pick()).toBeUndefined();
    ofProxy.problem = undefined;
    await isUp(uplink);
    expect(ofBastion.successions).toEqual([bastion.publicJwk.x]);
  });
});
