// Writes deploy/grafana-dashboard.json: the figures of /metrics as panels, two in a row.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const panels = [
  ['stat', 'Remote access', [['drawbridge_access_on', '{{instance}}']]],
  ['stat', 'Evidence can be written', [['drawbridge_evidence_ok', '{{instance}}']]],
  ['timeseries', 'Live sessions', [['drawbridge_sessions_live', '{{instance}}']]],
  [
    'timeseries',
    'Hosts online',
    [
      ['drawbridge_hosts_online', 'online'],
      ['drawbridge_hosts_known', 'known'],
    ],
  ],
  [
    'timeseries',
    'Tunnels',
    [
      ['drawbridge_uplinks_connected{peer=""}', 'bastion to proxy'],
      ['drawbridge_tunnels', 'at the proxy'],
    ],
  ],
  [
    'timeseries',
    'Agents that tell figures: tunnels to the bastion',
    [['drawbridge_uplinks_connected{peer="bastion"}', '{{instance}}']],
  ],
  ['timeseries', 'Agents: sessions on the host', [['drawbridge_connections', '{{instance}}']]],
  [
    'timeseries',
    'Streams in the tunnels',
    [['sum by (instance, peer) (drawbridge_streams)', '{{instance}} {{peer}}']],
  ],
  ['timeseries', "Operators' connections at the proxy", [['drawbridge_relays', '{{instance}}']]],
  [
    'timeseries',
    'Bytes of ended sessions',
    [['sum by (direction) (rate(drawbridge_session_bytes_total[5m]))', '{{direction}}']],
    'Bps',
  ],
  [
    'timeseries',
    'Refusals',
    [['sum by (type, reason) (rate(drawbridge_refusals_total[5m]))', '{{type}} {{reason}}']],
  ],
  ['timeseries', 'Audit events', [['sum by (type) (rate(drawbridge_audit_appends_total[5m]))', '{{type}}']]],
  [
    'timeseries',
    'Audit append, p99',
    [['histogram_quantile(0.99, sum by (le) (rate(drawbridge_audit_append_seconds_bucket[5m])))', 'p99']],
    's',
  ],
  [
    'timeseries',
    'Recorded, not on the disk yet',
    [['drawbridge_recording_unsynced_bytes', '{{instance}}']],
    'bytes',
  ],
  [
    'timeseries',
    'Sign-ins and operators refused',
    [
      [
        'sum by (reason) (rate(drawbridge_refusals_total{type=~"operator.refused|admin.refused"}[5m]))',
        '{{reason}}',
      ],
    ],
  ],
  ['timeseries', 'Recordings', [['drawbridge_recordings_bytes', '{{instance}}']], 'bytes'],
  ['timeseries', 'Disk free', [['drawbridge_disk_free_bytes', '{{instance}}']], 'bytes'],
  [
    'timeseries',
    'Event loop delay',
    [['drawbridge_event_loop_delay_seconds', '{{instance}} p{{percentile}}']],
    's',
  ],
  ['timeseries', 'Memory', [['process_resident_memory_bytes', '{{instance}}']], 'bytes'],
  ['timeseries', 'Processor', [['rate(process_cpu_seconds_total[5m])', '{{instance}}']], 'percentunit'],
  [
    'stat',
    'Certificate ends in',
    [['drawbridge_certificate_expires_timestamp_seconds - time()', '{{instance}}']],
    's',
  ],
];

const WIDTH = 12;
const HEIGHT = 7;
const source = { type: 'prometheus', uid: `\${source}` };
const dashboard = {
  title: 'Drawbridge',
  uid: 'drawbridge',
  schemaVersion: 39,
  editable: true,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  tags: ['drawbridge'],
  templating: { list: [{ name: 'source', label: 'Data source', type: 'datasource', query: 'prometheus' }] },
  panels: panels.map(([type, title, targets, unit], at) => ({
    id: at + 1,
    type,
    title,
    datasource: source,
    gridPos: { x: (at % 2) * WIDTH, y: Math.floor(at / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: unit === undefined ? {} : { unit }, overrides: [] },
    targets: targets.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: source,
      expr,
      legendFormat,
    })),
  })),
};
const target = fileURLToPath(new URL('../deploy/grafana-dashboard.json', import.meta.url));
writeFileSync(target, `${JSON.stringify(dashboard, null, 2)}\n`);
