import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ownAccount } from '../../../agent/shell/account.ts';
import type { SshChannel } from '../../../shared/ssh/channel.ts';
import {
  type BridgeEnd,
  type BridgeHooks,
  bridgeChannels,
  type ChannelBridge,
} from '../../../shared/ssh/channel-bridge.ts';
import type { ChannelRequest } from '../../../shared/ssh/channel-request.ts';
import { connectSsh, type SshClientConnection } from '../../../shared/ssh/client-connection.ts';
import { type BuiltinHost, startBuiltinHost } from '../../support/builtin-host.ts';
import { createTestKey, ISOLATED, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const me = ownAccount();

/** A bastion with nothing in between but the bridge: stock client, bridge, a real host. */
describe('a bridge between an operator and a host', () => {
  const directory = createTemporaryDirectory();
  let key: TestKey;
  let host: BuiltinHost;
  let server: TestServer;
  let toHost: SshClientConnection;
  const bridges: ChannelBridge[] = [];

  beforeAll(async () => {
    key = await createTestKey(directory.path);
    host = await startBuiltinHost(key);
    const socket = connect({ port: host.port, host: '127.0.0.1', noDelay: true });
    toHost = await connectSsh(socket, {
      username: me.name,
      privateKey: key.privateKey,
      verifyHostKey: () => true,
      timeoutMs: 10_000,
    });
  });
  afterAll(async () => {
    toHost.destroy();
    await host.close();
    directory.remove();
  });
  afterEach(async () => {
    bridges.length = 0;
    await server.listener.close('The test is over.');
  });

  async function start(hooks: BridgeHooks = {}, windowBytes?: number): Promise<void> {
    server = await startTestServer(key, {
      ...(windowBytes === undefined ? {} : { windowBytes }),
      onSession: (open) => serve(open.accept(), hooks),
    });
  }

  function serve(operator: SshChannel, hooks: BridgeHooks): void {
    const before: ChannelRequest[] = [];
    operator.attach({
      async onRequest(request) {
        if (request.kind !== 'shell' && request.kind !== 'exec') {
          before.push(request);
          return true;
        }
        const channel = await toHost.openSession();
        for (const earlier of before) await channel.request(earlier);
        if (!(await channel.request(request))) return false;
        bridges.push(bridgeChannels(operator, channel, hooks));
        return true;
      },
    });
  }

  function ssh(args: readonly string[], input?: string | Buffer) {
    const where = ['-p', String(server.port), '-i', key.path, 'operator@127.0.0.1'];
    const all = [...args.slice(0, -1), ...ISOLATED, ...where, ...args.slice(-1)];
    return runSsh(all, input === undefined ? {} : { input, timeoutMs: 40_000 });
  }

  async function endOf(index = 0): Promise<BridgeEnd> {
    const bridge = await waitFor(() => bridges[index]);
    return bridge.ended;
  }

  it('passes exit statuses, both outputs and half-close through', async () => {
    await start();
    const result = await ssh(['cat; echo err >&2; exit 42'], 'abc');
    expect([result.code, result.stdout, result.stderr]).toEqual([42, 'abc', 'err\n']);
    expect(await endOf()).toEqual({ exit: { kind: 'exit-status', code: 42 } });
  });

  it('passes an exit signal through as a signal', async () => {
    await start();
    expect((await ssh(['kill -TERM $$'])).code).toBe(255);
    expect(await endOf()).toMatchObject({ exit: { kind: 'exit-signal', name: 'TERM' } });
  });

  it('loses nothing of commands that end at once, 40 times', async () => {
    await start();
    for (let round = 0; round < 40; round += 1)
      expect((await ssh([`printf %s ${round}`])).stdout).toBe(String(round));
  }, 60_000);

  it('carries 64 MiB both ways unchanged, shows all of it to the hooks first', async () => {
    const seen = { in: createHash('sha256'), out: createHash('sha256') };
    await start({
      onInput: (chunk) => {
        seen.in.update(chunk);
      },
      onOutput: (chunk) => {
        seen.out.update(chunk);
        return chunk;
      },
    });
    const sent = randomBytes(64 * 1024 * 1024);
    const sum = createHash('sha256').update(sent).digest('hex');
    const result = await ssh(['cat'], sent);
    expect(createHash('sha256').update(result.stdoutBytes).digest('hex')).toBe(sum);
    expect([seen.in.digest('hex'), seen.out.digest('hex')]).toEqual([sum, sum]);
  }, 60_000);

  it('works with small windows and many output pieces on both streams', async () => {
    await start({}, 16 * 1024);
    const result = await ssh(['for i in $(seq 2000); do echo $i; echo $i >&2; done']);
    const expected = `${Array.from({ length: 2000 }, (_, index) => index + 1).join('\n')}\n`;
    expect([result.stdout, result.stderr]).toEqual([expected, expected]);
  });

  it('releases only what the hook gives back, and what is released later', async () => {
    await start({
      onOutput: (chunk) => (chunk.includes('secret') ? null : chunk),
      onOutputEnd: () => bridges[0]?.release(Buffer.from('[held back]')),
    });
    expect((await ssh(['echo secret'])).stdout).toBe('[held back]');
  });

  it('ends the session when a hook fails, and shows nothing of what it failed on', async () => {
    const faults: unknown[] = [];
    await start({
      onOutput: () => {
        throw new Error('The recording can not be written.');
      },
      onFault: (error) => {
        faults.push(error);
        return undefined;
      },
    });
    const result = await ssh(['echo secret; sleep 60']);
    expect([result.code, result.stdout]).toEqual([255, '']);
    expect(result.stderr).toContain('The recording can not be written.');
    expect(faults).toHaveLength(1);
  });

  it('says after a fault what the one who was told of it wants said', async () => {
    await start({
      onOutput: () => {
        throw new Error('ENOSPC');
      },
      onFault: () => 'This session can no longer be recorded.',
    });
    const { stderr } = await ssh(['echo secret; sleep 60']);
    expect(stderr).toContain('drawbridge: This session can no longer be recorded.');
    expect(stderr).not.toContain('ENOSPC');
  });

  it('aborts with a message, also in the middle of a flood that nobody reads', async () => {
    await start();
    const running = ssh(['yes']);
    const bridge = await waitFor(() => bridges[0]);
    bridge.abort('The customer has switched remote access off.');
    const result = await running;
    expect(result.code).toBe(255);
    expect(result.stderr).toContain('The customer has switched remote access off.');
    expect(await bridge.ended).toEqual({ aborted: 'The customer has switched remote access off.' });
  });

  it('decides requests of a running session by its hook', async () => {
    const asked: string[] = [];
    await start({
      onRequest: async (request) => {
        asked.push(request.kind);
        return false;
      },
    });
    const script = 'echo ready; read line; echo "$line"';
    expect((await ssh(['-tt', script], 'x\n')).stdout).toContain('ready');
    expect(asked.every((kind) => kind === 'window-change' || kind === 'other')).toBe(true);
  });
});
