import { createServer, type Socket } from 'node:net';
import { Leftovers } from '../../agent/leftovers/leftovers.ts';
import { findSystemTools } from '../../agent/shell/launch.ts';
import { LoginRecords } from '../../agent/shell/login-records.ts';
import { BuiltinServer, type BuiltinServerOptions } from '../../agent/ssh/builtin-server.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import type { TestKey } from './ssh-client.ts';

/** An agent's builtin SSH server on a TCP port, so that stock clients can be the bastion. */
export interface BuiltinHost {
  readonly port: number;
  readonly server: BuiltinServer;
  close(): Promise<void>;
}

/** Starts one that lets `key` in. */
export async function startBuiltinHost(
  key: TestKey,
  overrides: Partial<BuiltinServerOptions> = {},
): Promise<BuiltinHost> {
  const server = new BuiltinServer({
    hostKey: generateSshKey('test host').privateKey,
    bastionKey: () => key.fingerprint,
    logins: () => undefined,
    forwarding: () => true,
    tools: findSystemTools(),
    sftpServer: ['/bin/false'],
    leftovers: new Leftovers({ owner: 'test', ends: () => true, clock: systemClock, log: silentLogger() }),
    clock: systemClock,
    pam: () => false,
    records: new LoginRecords(systemClock, silentLogger(), { present: [], past: [], last: [] }),
    log: silentLogger(),
    ...overrides,
  });
  const listener = createServer({ noDelay: true }, (socket: Socket) => server.serve(socket));
  const port = await new Promise<number>((resolve) => {
    listener.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = listener.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return {
    port,
    server,
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      await server.close('The test is over.');
      await closed;
    },
  };
}
