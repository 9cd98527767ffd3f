import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

/** Every metric that a role defines: what stands behind `name:` or opens a row of a table of figures. */
const defined = new Set(
  [
    'shared/metrics/process-metrics.ts',
    'shared/metrics/role-metrics.ts',
    'bastion/web/metrics.ts',
    'proxy/web/metrics.ts',
    'agent/metrics/figures.ts',
  ].flatMap((path) => read(path).match(/(?<=['"])(drawbridge|process)_[a-z_]+(?=['"])/g) ?? []),
);

const used = (expression: string): readonly string[] =>
  (expression.match(/\b(drawbridge|process)_[a-z_]+/g) ?? []).map((name) =>
    name.replace(/_(bucket|count|sum)$/, ''),
  );

const rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({ alert: z.string(), expr: z.string(), annotations: z.object({ summary: z.string() }) }),
      ),
    }),
  ),
});
const dashboard = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) })),
});

describe('what is shipped for monitoring', () => {
  it('alerts on figures that there are', () => {
    const { groups } = rules.parse(parse(read('deploy/alerts.yaml')));
    const expressions = groups.flatMap((group) => group.rules.map((rule) => rule.expr));
    expect(expressions.length).toBeGreaterThan(5);
    for (const name of expressions.flatMap(used)) expect(defined).toContain(name);
  });

  it('has names that Prometheus takes as they are meant', () => {
    const rows = [...read('docs/reference/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*)\|/gm)];
    expect(rows.length).toBeGreaterThan(20);
    // What `promtool check metrics` says of names: only counters are totals, only summaries have quantiles.
    const wrong = rows.filter(
      ([, name = '', type, labels = '']) =>
        name.endsWith('_total') !== (type === 'counter') || labels.includes('`quantile`'),
    );
    expect(wrong.map(([row]) => row)).toEqual([]);
  });

  it('shows figures that there are', () => {
    const { panels } = dashboard.parse(JSON.parse(read('deploy/grafana-dashboard.json')));
    const expressions = panels.flatMap((panel) => panel.targets.map((target) => target.expr));
    expect(expressions.length).toBeGreaterThan(10);
    for (const name of expressions.flatMap(used)) expect(defined).toContain(name);
  });
});
