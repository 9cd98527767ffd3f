import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Host, lostConnection } from '../../../bastion/hosts/host.ts';
import { HostLink } from '../../../bastion/ssh/host-link.ts';
import { HostSignIns } from '../../../bastion/ssh/host-sign-ins.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { OPEN_FAILURE } from '../../../shared/ssh/messages.ts';
import type { ServeSshOptions } from '../../../shared/ssh/server-connection.ts';
import { freePort } from '../../support/free-port.ts';
import { startRealSshd } from '../../support/real-sshd.ts';
import { createTestKey } from '../../support/ssh-client.ts';
import { serveCommands, startTestServer } from '../../support/ssh-test-server.ts';
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
  return linkTo(port, client.privateKey);
}

/** A link to a server that plays an sshd; `open` decides about each session. */
async function linkToPlayed(open: NonNullable<ServeSshOptions['onSession']>) {
  const key = await createTestKey(temporaryDirectory());
  const { port, listener } = await startTestServer(key, {
    onSession: open,
    onAuth: (attempt) => attempt.accept(),
  });
  onTestFinished(() => listener.close('The test is over.'));
  return linkTo(port, generateSshKey('client').privateKey);
}

function linkTo(port: number, privateKey: string) {
  const dials: Socket[] = [];
  const host: Host = {
    ...{ id: 'direct:web-1', name: 'web-1', labels: {}, via: 'direct', target: 'sshd', online: true },
    loss: () => lostConnection('web-1'),
    connect: async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      dials.push(socket);
      return socket;
    },
  };
  const link = new HostLink({
    ...{ host, login: userInfo().username, clock: systemClock, begin: 'now' },
    signIns: new HostSignIns({
      ...{ privateKey, bastionName: 'acme', clock: systemClock, log: silentLogger() },
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

  it('is asked for more in one connection again after a refusal that was a passing fault', async () => {
    let faulty = false;
    const { link, dials } = await linkToPlayed((open) => {
      if (faulty && dials.length === 1) open.refuse('No memory.', OPEN_FAILURE.CONNECT_FAILED);
      else serveCommands(open.accept());
    });
    link.allowSignIn({ operator: 'alice', session: 's-1' });
    const { signal } = new AbortController();
    const first = await link.openSession(signal);
    faulty = true;
    await link.openSession(signal);
    expect(dials).toHaveLength(2);
    faulty = false;
    first.destroy();
    await waitFor(() => first.signal.aborted);
    for (let more = 0; more < 5; more++) await link.openSession(signal);
    expect(dials).toHaveLength(2);
  }, 60_000);

  it('is dialled no further where it takes none at all', async () => {
    let refusing = true;
    const { link, dials } = await linkToPlayed((open) => {
      if (refusing) open.refuse('No memory.', OPEN_FAILURE.CONNECT_FAILED);
      else serveCommands(open.accept());
    });
    link.allowSignIn({ operator: 'alice', session: 's-1' });
    const { signal } = new AbortController();
    await expect(link.openSession(signal)).rejects.toMatchObject({ code: 'ssh.channel_connect_failed' });
    refusing = false;
    await link.openSession(signal);
    expect(dials).toHaveLength(1);
  }, 60_000);

  it('gives up when a further connection has no room either', async () => {
    let connections = 0;
    const { link, dials } = await linkToPlayed((open) => {
      connections += 1;
      if (connections === 1) serveCommands(open.accept());
      else open.refuse('Full.', OPEN_FAILURE.CONNECT_FAILED);
    });
    link.allowSignIn({ operator: 'alice', session: 's-1' });
    const { signal } = new AbortController();
    await link.openSession(signal);
    await expect(link.openSession(signal)).rejects.toMatchObject({ code: 'ssh.channel_connect_failed' });
    expect(dials).toHaveLength(2);
  }, 60_000);
});
