import { describe, expect, it } from 'vitest';
import { enterStart } from '../../../bastion/sessions/enter-start.ts';
import { SYNC_PERIOD_MS } from '../../../recordings/sync-schedule.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

function start(audit: MemoryAudit, bootId: string | undefined) {
  const machine = () => ({ bootId, uptimeMs: 1 });
  const events = {
    query: async ({ type }: { type?: string }) =>
      audit.events.filter((event) => type === undefined || event.type === type).slice(-1),
  };
  return enterStart({ audit, events, version: '1', id: 'b-1', machine });
}

describe('enterStart', () => {
  it('finds no gap after a kill of the process, and one after a stop of the machine', async () => {
    const audit = new MemoryAudit();
    await start(audit, 'boot-1');
    expect(await start(audit, 'boot-1')).not.toHaveProperty('gapMs');
    expect(await start(audit, 'boot-2')).toMatchObject({ gapMs: SYNC_PERIOD_MS });
  });

  it('takes a boot that can not be told for another one', async () => {
    const audit = new MemoryAudit();
    await start(audit, undefined);
    expect(await start(audit, undefined)).toMatchObject({ gapMs: SYNC_PERIOD_MS });
    expect(await start(audit, 'boot-1')).toMatchObject({ gapMs: SYNC_PERIOD_MS });
  });
});
