import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MetricsListener } from '../../../agent/metrics/listener.ts';
import { figures } from '../../../cli/doctor/figures-check.ts';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { silentLogger } from '../../../shared/log.ts';

const look = (port: number) =>
  runChecks(figures({ host: '127.0.0.1', port }), new AbortController().signal, () => undefined);

async function agentThat(unready: string | undefined): Promise<number> {
  const answers = { contentType: 'text/plain', text: async () => '', unready: () => unready };
  const listener = await MetricsListener.open({ host: '127.0.0.1', port: 0 }, answers, silentLogger());
  onTestFinished(() => listener.close());
  return Number(new URL(listener.url).port);
}

describe("the check of an agent's figures", () => {
  it('is none for an agent that tells none', () => {
    expect(figures(undefined)).toEqual([]);
  });

  it('is content with an agent that is ready, and says why another is not', async () => {
    expect(await look(await agentThat(undefined))).toMatchObject([{ check: 'figures', state: 'ok' }]);
    expect(await look(await agentThat('No tunnel to the bastion stands.'))).toMatchObject([
      { state: 'warn', text: 'The agent runs and is not ready: No tunnel to the bastion stands.' },
    ]);
  });

  it('warns when nothing listens there', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    taken.close();
    await once(taken, 'close');
    expect(await look(port)).toMatchObject([
      { state: 'warn', hint: expect.stringContaining('Start the agent') },
    ]);
  });

  it.each([
    ['speaks HTTP', () => createServer((_request, response) => response.end('<html>'))],
    ['speaks something else', () => createTcpServer((socket) => socket.end('220 mail\r\n'))],
  ])('fails when the program there is another that %s', async (_name, open) => {
    const other = open().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await look(port)).toMatchObject([
      { state: 'fail', text: `Another program answers at 127.0.0.1:${port}.` },
    ]);
  });
});
