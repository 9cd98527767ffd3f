import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parseExposition } from '../../../shared/metrics/exposition.ts';
import { otlpMetrics } from '../../../shared/metrics/otlp.ts';

const FROM = { role: 'bastion', id: 'b-1', name: 'acme', version: '1.2.3', startedAtMs: 1_000 };

describe("Prometheus' text", () => {
  it('is read back as it was written, whatever stands in labels', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.double({ noNaN: true }), async (text, value) => {
        const registry = new Registry();
        new Gauge({ name: 'some_gauge', help: 'Help', labelNames: ['what'], registers: [registry] }).set(
          { what: text },
          value,
        );
        const [family] = parseExposition(await registry.metrics());
        const [sample] = family?.samples.get('') ?? [];
        expect(sample?.labels).toEqual({ what: text });
        expect(sample?.value === value || Object.is(sample?.value, value)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('is left out where it has another form', () => {
    expect(parseExposition('nonsense\n# COMMENT x\n{"a":1}\n')).toEqual([]);
  });
});

describe('OTLP metrics', () => {
  it('hold gauges, sums and histograms, with who sends them', async () => {
    const registry = new Registry();
    const registers = [registry];
    new Gauge({ name: 'a_gauge', help: 'A gauge', registers }).set(7);
    new Counter({ name: 'a_total', help: 'A sum', labelNames: ['why'], registers }).inc({ why: 'x' }, 3);
    const histogram = new Histogram({ name: 'a_seconds', help: 'Times', buckets: [0.1, 1], registers });
    for (const value of [0.05, 0.5, 0.6, 5]) histogram.observe(value);
    const text = await registry.metrics();
    const sent = JSON.parse(otlpMetrics(text, { ...FROM, platformId: 'site-7' }, 2_000).toString());
    const [{ resource, scopeMetrics }] = sent.resourceMetrics;
    expect(resource.attributes).toContainEqual({ key: 'platform.id', value: { stringValue: 'site-7' } });
    expect(resource.attributes).toContainEqual({ key: 'service.instance.id', value: { stringValue: 'b-1' } });
    const moment = { startTimeUnixNano: '1000000000', timeUnixNano: '2000000000' };
    expect(scopeMetrics[0].metrics).toEqual([
      {
        name: 'a_gauge',
        description: 'A gauge',
        gauge: { dataPoints: [{ attributes: [], ...moment, asDouble: 7 }] },
      },
      {
        name: 'a_total',
        description: 'A sum',
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: [{ attributes: [{ key: 'why', value: { stringValue: 'x' } }], ...moment, asDouble: 3 }],
        },
      },
      {
        name: 'a_seconds',
        description: 'Times',
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              attributes: [],
              ...moment,
              count: '4',
              sum: 6.15,
              bucketCounts: ['1', '2', '1'],
              explicitBounds: [0.1, 1],
            },
          ],
        },
      },
    ]);
  });
});
