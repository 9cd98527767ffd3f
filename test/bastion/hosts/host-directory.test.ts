import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import type { EnrolledAgent } from '../../../bastion/hosts/agent-store.ts';
import { HostDirectory } from '../../../bastion/hosts/host-directory.ts';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { parsePublicJwk } from '../../../shared/identity/keys.ts';
import type { Tunnel } from '../../../shared/tunnel/tunnel.ts';

const AGENT: EnrolledAgent = {
  id: 'a-1',
  name: 'db-1',
  publicJwk: parsePublicJwk(freshEd25519().publicKey.export({ format: 'jwk' })),
  sshHostKey: 'ssh-ed25519 AAAA',
  target: 'builtin',
  labels: {},
  joinedAt: '2030-01-01T00:00:00.000Z',
};

const LOST = { code: 'tunnel.lost', message: 'The connection was lost.' };

function tunnel(id: string): Tunnel & { opened: number } {
  const made = {
    id,
    opened: 0,
    openStreams: 0,
    rttMs: undefined,
    draining: false,
    signal: new AbortController().signal,
    open() {
      made.opened += 1;
      const stream = Object.assign(new Duplex({ read() {} }), { streamId: made.opened });
      return { stream, reply: Promise.resolve({ ok: true as const }) };
    },
    drain: async () => undefined,
    close: () => undefined,
  };
  return made;
}

test('a host is online once its agent has said how it serves, and reached only by tunnels on which it has', async () => {
  const directory = new HostDirectory({ agents: [AGENT], direct: [], startedAt: AGENT.joinedAt });
  const [first, second] = [tunnel('t-1'), tunnel('t-2')];
  expect(directory.connected(AGENT.id, first)).toBe(true);
  expect(directory.find('db-1')?.online).toBe(false);
  await expect(directory.find('db-1')?.connect(new AbortController().signal)).rejects.toMatchObject({
    code: 'host.offline',
  });

  directory.put({ ...AGENT, target: 'sshd' });
  directory.greeted(AGENT.id, first);
  expect(directory.find('db-1')).toMatchObject({ online: true, target: 'sshd' });

  directory.connected(AGENT.id, second);
  first.open({ v: 1, kind: 'ssh' });
  await directory.find('db-1')?.connect(new AbortController().signal);
  expect([first.opened, second.opened]).toEqual([2, 0]);

  directory.disconnected(AGENT.id, first, LOST);
  expect(directory.find('db-1')?.online).toBe(false);
  // Too late: it has gone.
  directory.greeted(AGENT.id, first);
  expect(directory.find('db-1')?.online).toBe(false);
});

test('a host whose agent says that it goes is not one whose connection was lost', () => {
  const directory = new HostDirectory({ agents: [AGENT], direct: [], startedAt: AGENT.joinedAt });
  const [first, second] = [tunnel('t-1'), tunnel('t-2')];
  directory.connected(AGENT.id, first);
  directory.connected(AGENT.id, second);
  const host = directory.find('db-1');
  expect(host?.loss()).toMatchObject({ code: 'host.lost' });
  directory.disconnected(AGENT.id, first, LOST);
  // The other tunnel stands: the host is there.
  expect(directory.summaries()[0]).not.toHaveProperty('away');
  Object.assign(second, { draining: true });
  expect(host?.loss()).toEqual({ code: 'host.stopped', message: 'The agent on db-1 is being stopped.' });
  directory.disconnected(AGENT.id, second, { code: 'agent.stopping', message: 'It stops.' });
  expect(directory.summaries()).toMatchObject([{ online: false, away: { code: 'agent.stopping' } }]);
  directory.connected(AGENT.id, tunnel('t-3'));
  expect(directory.summaries()[0]).not.toHaveProperty('away');
});

test('hosts of the config file are replaced while the bastion runs, and those that are another machine now are told', () => {
  const direct = (name: string, host: string, labels = {}) => ({ name, address: { host, port: 22 }, labels });
  const directory = new HostDirectory({
    agents: [AGENT],
    direct: [
      direct('stays', '10.0.0.1'),
      direct('goes', '10.0.0.2'),
      direct('moves', '10.0.0.3'),
      direct('db-1', '10.0.0.4'),
    ],
    startedAt: AGENT.joinedAt,
  });
  const next = [
    direct('stays', '10.0.0.1', { role: 'db' }),
    direct('moves', '10.0.0.9'),
    direct('comes', '10.0.0.5'),
  ];
  // The host with an agent was never reached by the entry of the same name.
  expect(directory.setDirect(next)).toEqual(['goes', 'moves']);
  expect(directory.all().map(({ name }) => name)).toEqual(['comes', 'db-1', 'moves', 'stays']);
  expect(directory.find('stays')?.labels).toEqual({ role: 'db' });
  expect(directory.find('goes')).toBeUndefined();
});
