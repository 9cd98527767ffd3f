import { describe, expect, test } from 'vitest';
import { PRESENCE_BURST, PRESENCE_PER_SECOND, PresenceLog } from '../../../bastion/hosts/presence-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

const WEB = { id: 'a-web', name: 'web-1' };
const DB = { id: 'a-db', name: 'db-1' };

describe('the comings and goings of agents', () => {
  test('of one that comes in a loop are counted from a limit on, in pairs, and others are entered', async () => {
    const clock = new FakeClock();
    const audit = new MemoryAudit();
    const presence = new PresenceLog(audit, clock);
    for (let time = 0; time < 100; time++) await (await presence.came(WEB, '192.0.2.1'))('gone');
    const types = audit.events.map((event) => event.type);
    expect(types.filter((type) => type === 'agent.connected')).toHaveLength(PRESENCE_BURST);
    expect(types.filter((type) => type === 'agent.disconnected')).toHaveLength(PRESENCE_BURST);
    await presence.came(DB, '192.0.2.2');
    expect(audit.events.at(-1)).toMatchObject({ type: 'agent.connected', host: 'db-1' });
    clock.advance(1000 / PRESENCE_PER_SECOND);
    await presence.came(WEB, '192.0.2.1');
    expect(audit.events.at(-1)).toMatchObject({ host: 'web-1', unlistedConnections: 100 - PRESENCE_BURST });
  });
});
