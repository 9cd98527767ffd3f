import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { loadAgentConfig } from '../agent/config.ts';
import { startAgent } from '../agent/main.ts';
import { joinBastion } from '../agent/setup/join.ts';
import { systemClock } from '../shared/clock.ts';
import { ControlClient } from '../shared/control/client.ts';
import { silentLogger } from '../shared/log.ts';
import { forEachOf } from './light-session.ts';

/** What the process with many agents is told. */
export interface ManyAgents {
  readonly count: number;
  /** Folder for all of them. */
  readonly dir: string;
  readonly bastionUrl: string;
  readonly bastionSocket: string;
}

/** Agents that join at the same time. */
const AT_ONCE = 8;

/** So many join from one address: a bastion takes no more of one in a minute. */
const JOINS_PER_ADDRESS = 4;

/**
 * A CONNECT proxy that goes out from one loopback address after the other, since a bastion has a limit for enrolments of one
 * address. Gives its address and what ends it.
 */
async function manyAddresses(): Promise<{ readonly url: string; close(): void }> {
  let joined = 0;
  const server = createServer();
  server.on('connect', (request, client) => {
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const address = Math.floor(joined++ / JOINS_PER_ADDRESS);
    const localAddress = `127.0.${1 + Math.floor(address / 250)}.${1 + (address % 250)}`;
    const way = connect({ host, port: Number(port), localAddress }, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      way.pipe(client).pipe(way);
    });
    for (const end of [way, client]) {
      end.on('error', () => {
        way.destroy();
        client.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Enrols and starts that many real agents in this one process: 500 processes would not fit beside each other. */
async function startAll({ count, dir, bastionUrl, bastionSocket }: ManyAgents): Promise<void> {
  const control = await ControlClient.connect(bastionSocket);
  const addresses = await manyAddresses();
  const names = Array.from({ length: count }, (_, n) => `light-${n}`);
  await forEachOf(names, AT_ONCE, async (name) => {
    const created = (await control.call('token.create', { name })) as { readonly token: string };
    const { configPath } = await joinBastion({
      dir: join(dir, name),
      url: bastionUrl,
      token: created.token,
      name,
      egress: { proxy: addresses.url },
    });
    const config = await loadAgentConfig(configPath);
    await startAgent({ ...config, egress: {} }, { clock: systemClock, log: silentLogger() });
  });
  addresses.close();
  control.close();
  process.send?.('started');
}

process.once('message', (order: ManyAgents) => {
  startAll(order).catch((error: unknown) => {
    process.stderr.write(`the agents could not be started: ${String(error)}\n`);
    process.exit(1);
  });
});
