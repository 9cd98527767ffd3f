import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { RefusalLog } from '../../../bastion/admission/refusal-log.ts';
import { AgentConnections } from '../../../bastion/hosts/agent-connections.ts';
import { AgentStore } from '../../../bastion/hosts/agent-store.ts';
import { HostDirectory } from '../../../bastion/hosts/host-directory.ts';
import { PresenceLog } from '../../../bastion/hosts/presence-log.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { parsePublicJwk } from '../../../shared/identity/keys.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import type { Tunnel, TunnelStream } from '../../../shared/tunnel/tunnel.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const PEER = { id: 'a-1', name: 'db-1' };

async function place() {
  const clock = new FakeClock();
  const audit = new MemoryAudit();
  const database = await Database.open(`${temporaryDirectory()}/bastion.db`, {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  onTestFinished(() => database.close());
  const store = new AgentStore(database, clock);
  const agent = {
    ...{ ...PEER, sshHostKey: 'ssh-ed25519 AAAA', target: 'builtin' as const, labels: {} },
    publicJwk: parsePublicJwk(freshEd25519().publicKey.export({ format: 'jwk' })),
    joinedAt: '2030-01-01T00:00:00.000Z',
  };
  const directory = new HostDirectory({ agents: [agent], direct: [], startedAt: agent.joinedAt });
  const presence = new PresenceLog(audit, clock);
  const refusals = new RefusalLog(audit, clock);
  const connections = new AgentConnections({ store, directory, presence, refusals, log: silentLogger() });
  const closes: string[] = [];
  const tunnel: Tunnel = {
    ...{ id: 't-1', openStreams: 0, rttMs: undefined, draining: false },
    signal: new AbortController().signal,
    open: () => {
      throw new Error('nobody opens');
    },
    drain: async () => undefined,
    close: (code) => void closes.push(code),
  };
  await connections.onTunnel(tunnel, PEER, { address: '192.0.2.1' });
  const say = async (request: Record<string, unknown>) => {
    const answers: string[] = [];
    const incoming = {
      request: { v: 1 as const, kind: 'hello', ...request },
      signal: new AbortController().signal,
      accept: () => {
        answers.push('accepted');
        return new PassThrough() as unknown as TunnelStream;
      },
      refuse: (code: string) => void answers.push(code),
    };
    await connections.onStream(incoming, tunnel, PEER);
    return answers[0];
  };
  return { directory, say, closes, store };
}

test('an agent says hello once on a tunnel, and is there from then on', async () => {
  const { directory, say } = await place();
  expect(directory.find('db-1')?.online).toBe(false);
  expect(await say({ kind: 'ssh' })).toBe('stream.unknown_kind');
  expect(await say({ target: 'elsewhere' })).toBe('stream.malformed');
  expect(directory.find('db-1')?.online).toBe(false);
  expect(await say({ target: 'builtin' })).toBe('accepted');
  expect(directory.find('db-1')?.online).toBe(true);
  expect(await say({ target: 'builtin' })).toBe('stream.repeated');
});

test('a hello that can not be stored ends its tunnel, so that the agent tries again', async () => {
  const { directory, say, closes, store } = await place();
  store.seen = async () => {
    throw new Error('the disk is gone');
  };
  expect(await say({ target: 'sshd' })).toBeUndefined();
  expect(closes).toEqual(['store.unavailable']);
  expect(directory.find('db-1')?.online).toBe(false);
});
