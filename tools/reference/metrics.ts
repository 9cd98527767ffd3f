import { parseExposition } from '../../shared/metrics/exposition.ts';

const HEAD = `# Metrics

What \`/metrics\` of proxy, bastion and agent tells, in Prometheus' text format; \`npm run docs\` writes this page from the
code. Without sign-in it answers only the role's own machine; on the bastion also a viewer's API token. Every label has a
bounded set of values: nothing that a peer chooses makes a series. An agent listens only when \`metrics.listen\` of its
configuration says so, on loopback and by HTTP; its series of tunnels and streams have \`peer="bastion"\`.

[deploy/alerts.yaml](../../deploy/alerts.yaml) has alert rules, [deploy/grafana-dashboard.json](../../deploy/grafana-dashboard.json)
a dashboard. How to push figures instead is in [administrators.md](../administrators.md#figures).

- **Refused sign-ins** are \`drawbridge_refusals_total{type="operator.refused"}\` (and \`admin.refused\`, \`agent.refused\`,
  \`bastion.refused\`), with the reason as a label; at an agent, \`login.refused\`: the bastion asked for a login that this host does not serve.
- **Recording lag** is \`drawbridge_recording_unsynced_bytes\`: recordings are written before anything is shown and reach the disk
  within about a second.
`;

/** The reference of the figures as Markdown. @param roles what `/metrics` of each answers */
export function metricsReference(roles: readonly { readonly role: string; readonly text: string }[]): string {
  const rows = new Map<string, { type: string; helps: Set<string>; labels: Set<string>; roles: string[] }>();
  for (const { role, text } of roles) {
    for (const { name, type, help, samples } of parseExposition(text)) {
      const row = rows.get(name) ?? { type, helps: new Set(), labels: new Set(), roles: [] };
      row.helps.add(help);
      row.roles.push(role);
      for (const label of [...samples.values()].flat().flatMap((sample) => Object.keys(sample.labels))) {
        if (label !== 'le') row.labels.add(label);
      }
      rows.set(name, row);
    }
  }
  const lines = [...rows]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { type, helps, labels, roles: of }]) => {
      const help = [...helps].join('; ');
      const shown = [...(LABELS[name] ?? labels)].map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${shown} | ${of.join(', ')} | ${help.replaceAll('|', '\\|')} |`;
    });
  return `${HEAD}\n| name | type | labels | of | meaning |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`;
}

/** Labels of figures that have no series before something happens. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  drawbridge_audit_appends_total: ['type'],
  drawbridge_refusals_total: ['type', 'reason'],
  drawbridge_session_bytes_total: ['direction'],
  drawbridge_http_requests_total: ['method', 'status'],
  drawbridge_ship_behind_events: ['destination'],
  drawbridge_ship_ok: ['destination'],
};
