import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { ports } from '../../../cli/doctor/port-check.ts';

const look = (host: string, port: number, isRunning = false) =>
  runChecks(
    [ports([{ key: 'https', host, port }], async () => isRunning)],
    new AbortController().signal,
    () => undefined,
  );

describe('the check of ports', () => {
  it('takes a free one, and leaves it free', async () => {
    expect(await look('127.0.0.1', 0)).toMatchObject([{ state: 'ok' }]);
  });

  it('fails when another program has it, but not when the role itself runs', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await look('127.0.0.1', port)).toMatchObject([
      {
        state: 'fail',
        text: `Another program listens on 127.0.0.1:${port}.`,
        hint: expect.stringContaining('ss -ltnp'),
      },
    ]);
    expect(await look('127.0.0.1', port, true)).toMatchObject([{ state: 'ok' }]);
    other.close();
  });

  it('fails for an address that this machine has not', async () => {
    expect(await look('192.0.2.1', 0)).toMatchObject([
      { state: 'fail', text: 'This machine has no address 192.0.2.1.' },
    ]);
  });
});
