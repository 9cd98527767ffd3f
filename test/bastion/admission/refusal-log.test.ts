import { expect, test } from 'vitest';
import { REFUSAL_BURST, REFUSALS_PER_SECOND, RefusalLog } from '../../../bastion/admission/refusal-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

const refusal = { type: 'operator.refused', actor: 'system', reason: 'test' } as const;

test('a flood of refusals is counted instead of filling the disk, and the count is entered', async () => {
  const audit = new MemoryAudit();
  const clock = new FakeClock();
  const log = new RefusalLog(audit, clock);
  for (let number = 0; number < REFUSAL_BURST + 1000; number++) await log.add(refusal);
  expect(audit.events).toHaveLength(REFUSAL_BURST);
  clock.advance(1000);
  await log.add(refusal);
  expect(audit.events.at(-1)).toMatchObject({ reason: 'test', unlistedRefusals: 1000 });
  for (let number = 0; number < 100; number++) await log.add(refusal);
  expect(audit.events).toHaveLength(REFUSAL_BURST + REFUSALS_PER_SECOND);
});

test('a flood of one type hides no refusal of another', async () => {
  const audit = new MemoryAudit();
  const log = new RefusalLog(audit, new FakeClock());
  for (let number = 0; number < REFUSAL_BURST + 10; number++)
    await log.add({ ...refusal, type: 'agent.refused' });
  await log.add(refusal);
  expect(audit.events.at(-1)).toMatchObject({ type: 'operator.refused' });
});

test('a refusal that can not be stored is told to the one who refuses', async () => {
  const audit = new MemoryAudit();
  audit.failing = true;
  await expect(new RefusalLog(audit, new FakeClock()).add(refusal)).rejects.toMatchObject({
    code: 'audit.unavailable',
  });
});
