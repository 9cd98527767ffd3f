import { afterEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { systemClock } from '../../../shared/clock.ts';
import { RoleMetrics } from '../../../shared/metrics/role-metrics.ts';

const metrics: RoleMetrics[] = [];
afterEach(() => {
  for (const one of metrics.splice(0)) one.close();
});

/** Metrics that count what is told to the function beside them. */
function counting() {
  const one = new RoleMetrics({ role: 'bastion', version: '1.2.3' });
  metrics.push(one);
  let tell: (event: AuditEvent) => void = () => undefined;
  one.countEvents({
    subscribe: (listener) => {
      tell = listener;
      return () => {
        tell = () => undefined;
      };
    },
  });
  const event = (type: AuditEvent['type'], fields: Record<string, string | number> = {}): void =>
    tell({ seq: 1, id: 'e', time: '', type, actor: 'system', prev: '', hash: '', ...fields });
  return { one, event };
}

describe("a role's figures", () => {
  it('say what runs, and how its process fares', async () => {
    const { one } = counting();
    const text = await one.text();
    expect(text).toContain('drawbridge_build_info{role="bastion",version="1.2.3"');
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
    expect(text).toMatch(/^process_cpu_seconds_total 0?\.?\d/m);
    expect(text).toMatch(/^drawbridge_event_loop_delay_seconds\{percentile="99"\} /m);
  });

  it('count events by type, refusals by reason, and the bytes of ended sessions', async () => {
    const { one, event } = counting();
    event('operator.refused', { reason: 'unknown_key' });
    event('operator.refused', { reason: 'unknown_key', unlistedRefusals: 9 });
    event('session.ended', { code: 'client.closed', bytesIn: 10, bytesOut: 200 });
    const text = await one.text();
    expect(text).toContain('drawbridge_audit_appends_total{type="operator.refused"} 2');
    expect(text).toContain('drawbridge_refusals_total{type="operator.refused",reason="unknown_key"} 11');
    expect(text).toContain('drawbridge_session_bytes_total{direction="in"} 10');
    expect(text).toContain('drawbridge_session_bytes_total{direction="out"} 200');
  });

  it('make no series of what a peer says, and never more than their limit', async () => {
    const { one, event } = counting();
    event('agent.refused', { reason: 'Any sentence "of a peer"\n' });
    for (let n = 0; n < 1_000; n++) event('operator.refused', { reason: `reason_${n}` });
    const text = await one.text();
    expect(text).toContain('drawbridge_refusals_total{type="agent.refused",reason="other"} 1');
    expect(text.match(/^drawbridge_refusals_total\{/gm)?.length).toBeLessThan(205);
    expect(text).toContain('drawbridge_refusals_total{type="operator.refused",reason="other"} 800');
  });

  it('measure how long an append takes, and let its failure through', async () => {
    const { one } = counting();
    const stored = { seq: 1 } as AuditEvent;
    const good = one.timed({ append: async () => stored }, systemClock);
    expect(await good.append({ type: 'proxy.started', actor: 'system' })).toBe(stored);
    const failing = one.timed(
      {
        append: async () => {
          throw new Error('full');
        },
      },
      systemClock,
    );
    await expect(failing.append({ type: 'proxy.started', actor: 'system' })).rejects.toThrow('full');
    expect(await one.text()).toContain('drawbridge_audit_append_seconds_count 1');
  });
});
