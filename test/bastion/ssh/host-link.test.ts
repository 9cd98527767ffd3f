import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Host } from '../../../bastion/hosts/host.ts';
import { HostLink } from '../../../bastion/ssh/host-link.ts';
import { HostSignIns } from '../../../bastion/ssh/host-sign-ins.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { freePort } from '../../support/free-port.ts';
import { startRealSshd } from '../../support/real-sshd.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const SESSIONS_MAX = 2;

/** A link to a real sshd that allows few sessions in one connection. */
async function linkToSshd() {
  const folder = temporaryDirectory();
  const [port, client] = [await freePort(), generateSshKey('client')];
  const keys = join(folder, 'keys');
  writeFileSync(keys, `cert-authority ${client.publicLine}\n`);
  onTestFinished(await startRealSshd(folder, port, keys, [`MaxSessions ${SESSIONS_MAX}`]));
  const dials: Socket[] = [];
  const host: Host = {
    ...{ id: 'direct:web-1', name: 'web-1', labels: {}, via: 'direct', target: 'sshd', online: true },
    connect: async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      dials.push(socket);
      return socket;
    },
  };
  const link = new HostLink({
    ...{ host, login: userInfo().username, clock: systemClock, begin: 'now' },
    signIns: new HostSignIns({
      ...{ privateKey: client.privateKey, bastionName: 'acme', clock: systemClock, log: silentLogger() },
    }),
    hostKeys: { check: async () => ({ ok: true }) },
    onIncoming: (incoming) => incoming.refuse('Nothing is taken here.'),
  });
  onTestFinished(() => link.destroy());
  return { link, dials };
}

describe('the way to a host whose sshd allows few sessions in one connection', () => {
  it('is dialled again for more, and not while there is room', async () => {
    const { link, dials } = await linkToSshd();
    link.allowSignIn({ operator: 'alice', session: 's-1' });
    const { signal } = new AbortController();
    const opening = Array.from({ length: 5 }, () => link.openSession(signal));
    const channels = await Promise.all(opening);
    expect(channels.filter((channel) => channel.signal.aborted)).toEqual([]);
    expect(dials).toHaveLength(3);
    channels[0]?.destroy();
    await waitFor(() => channels[0]?.signal.aborted === true);
    await link.openSession(signal);
    await link.openSession(signal);
    expect(dials).toHaveLength(3);
    // Cutting the link cuts all of them.
    link.destroy();
    await waitFor(() => dials.every((socket) => socket.destroyed));
  }, 60_000);
});
