import { describe, expect, it } from 'vitest';
import { Refusals } from '../../../proxy/accounts/refusals.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

const refusal = { type: 'operator.refused', reason: 'unknown_key', source: '192.0.2.1' } as const;

describe('refusals', () => {
  it('are events under the name of the operator, when there is one', async () => {
    const audit = new MemoryAudit();
    const refusals = new Refusals(audit, new FakeClock());
    await refusals.add(refusal);
    await refusals.add({ ...refusal, operator: 'alice' });
    expect(audit.events.map(({ actor }) => actor)).toEqual(['system', 'operator:alice']);
  });

  it('of one address do not fill the disk: what is beyond the limit is counted and told later', async () => {
    const audit = new MemoryAudit();
    const clock = new FakeClock();
    const refusals = new Refusals(audit, clock);
    for (let number = 0; number < 1_000; number++) await refusals.add(refusal);
    expect(audit.events.length).toBe(60);
    await refusals.add({ ...refusal, source: '198.51.100.1' });
    expect(audit.events.length).toBe(61);
    clock.advance(5_000);
    await refusals.add(refusal);
    expect(audit.events.at(-1)).toMatchObject({ source: '192.0.2.1', alsoRefused: 940 });
  });

  it('are not silent when the audit log cannot be written', async () => {
    const audit = new MemoryAudit();
    audit.failing = true;
    const adding = new Refusals(audit, new FakeClock()).add(refusal);
    await expect(adding).rejects.toMatchObject({ code: 'audit.unavailable' });
  });
});
