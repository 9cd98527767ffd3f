import { expect, it } from 'vitest';
import { CONNECTION_EVENT_RATE, ConnectionLog } from '../../../proxy/tunnels/connection-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

it('enters so many tunnels of a bastion that dials in a loop, and counts the rest; others are entered', async () => {
  const audit = new MemoryAudit();
  const clock = new FakeClock();
  const log = new ConnectionLog(audit, clock);
  const why = { code: 'tunnel.lost', message: 'It was lost.' };
  const dial = async (id: string, number: number) => {
    const end = await log.came({ id, name: id }, `t-${number}`, '192.0.2.1');
    await end(why);
  };
  for (let number = 0; number < CONNECTION_EVENT_RATE.burst + 500; number += 1) await dial('b-loop', number);
  expect(audit.ofType('tunnel.connected')).toHaveLength(CONNECTION_EVENT_RATE.burst);
  expect(audit.ofType('tunnel.disconnected')).toHaveLength(CONNECTION_EVENT_RATE.burst);
  await dial('b-other', 1);
  expect(audit.ofType('tunnel.connected').at(-1)).toMatchObject({
    bastionId: 'b-other',
    source: '192.0.2.1',
  });
  clock.advance(CONNECTION_EVENT_RATE.refillMs);
  await dial('b-loop', 2);
  expect(audit.ofType('tunnel.connected').at(-1)).toMatchObject({
    bastionId: 'b-loop',
    unlistedConnections: 500,
  });
  expect(audit.ofType('tunnel.disconnected').at(-1)).toMatchObject({ tunnel: 't-2', reason: 'tunnel.lost' });
});

it('takes no tunnel whose event can not be stored', async () => {
  const audit = new MemoryAudit();
  audit.failing = true;
  const log = new ConnectionLog(audit, new FakeClock());
  await expect(log.came({ id: 'b', name: 'b' }, 't', '192.0.2.1')).rejects.toMatchObject({
    code: 'audit.unavailable',
  });
});
