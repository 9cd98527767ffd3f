import { Counter, Gauge, Registry } from 'prom-client';
import type { RoleMetrics } from '../../shared/metrics/role-metrics.ts';
import type { BastionStatus } from '../service.ts';

/** The bastion's figures in Prometheus' text format, from its own registry. */
export class BastionMetrics {
  readonly #registry = new Registry();
  readonly #status: () => Promise<BastionStatus>;
  readonly #requests: Counter<'method' | 'status'>;
  readonly #shipBehind: Gauge<'destination'>;
  readonly #shipOk: Gauge<'destination'>;
  readonly #gauges: readonly { readonly gauge: Gauge; readonly value: (status: BastionStatus) => number }[];

  constructor(status: () => Promise<BastionStatus>) {
    this.#status = status;
    this.#requests = new Counter({
      name: 'drawbridge_http_requests_total',
      help: 'Requests to the page and its API',
      labelNames: ['method', 'status'],
      registers: [this.#registry],
    });
    this.#shipBehind = new Gauge({
      name: 'drawbridge_ship_behind_events',
      help: 'Audit events that a destination does not have yet',
      labelNames: ['destination'],
      registers: [this.#registry],
    });
    this.#shipOk = new Gauge({
      name: 'drawbridge_ship_ok',
      help: '1 while a destination takes audit events',
      labelNames: ['destination'],
      registers: [this.#registry],
    });
    this.#gauges = GAUGES.map(({ name, help, value }) => ({
      gauge: new Gauge({ name, help, registers: [this.#registry] }),
      value,
    }));
  }

  /** Counts one answered request; `status` by its class (`2xx`), so that the number of series is bounded. */
  countRequest(method: string, status: number): void {
    this.#requests.inc({ method, status: `${Math.floor(status / 100)}xx` });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition text as of now. */
  async text(): Promise<string> {
    const status = await this.#status();
    for (const { gauge, value } of this.#gauges) gauge.set(value(status));
    for (const { name, behind, state } of status.evidence.shipping) {
      this.#shipBehind.set({ destination: name }, behind);
      this.#shipOk.set({ destination: name }, state === 'failing' ? 0 : 1);
    }
    return this.#registry.metrics();
  }
}

const GAUGES: readonly { name: string; help: string; value: (status: BastionStatus) => number }[] = [
  {
    name: 'drawbridge_access_on',
    help: '1 while remote access is on',
    value: (status) => (status.access.state === 'on' ? 1 : 0),
  },
  { name: 'drawbridge_sessions_live', help: 'Sessions that run', value: (status) => status.liveSessions },
  {
    name: 'drawbridge_hosts_online',
    help: 'Hosts that are connected',
    value: (status) => status.hosts.online,
  },
  { name: 'drawbridge_hosts_known', help: 'Hosts that are known', value: (status) => status.hosts.total },
  {
    name: 'drawbridge_uplinks_connected',
    help: "Tunnels to the vendor's proxy that stand",
    value: (status) => status.uplinks.filter((uplink) => uplink.state === 'connected').length,
  },
  {
    name: 'drawbridge_evidence_ok',
    help: '1 while evidence can be written',
    value: (status) => (status.evidence.problem === undefined ? 1 : 0),
  },
  {
    name: 'drawbridge_audit_log_ok',
    help: '0 for 30 days after the log was found to be changed by somebody else than the bastion',
    value: (status) => (status.evidence.logProblem === undefined ? 1 : 0),
  },
  {
    name: 'drawbridge_witness_ok',
    help: '1 unless the witness says that the history does not fit what it saw before',
    value: (status) => (status.evidence.witness.state === 'refused' ? 0 : 1),
  },
  {
    name: 'drawbridge_witnessed_events',
    help: 'Events that the last counter-signed checkpoint covers',
    value: (status) => status.evidence.witness.events ?? 0,
  },
  {
    name: 'drawbridge_evidence_low',
    help: '1 while the disk runs low, or recordings can not be deleted as configured',
    value: (status) => (status.evidence.warning === undefined ? 0 : 1),
  },
  {
    name: 'drawbridge_audit_log_events',
    help: 'Events in the audit log',
    value: (status) => status.evidence.auditEvents,
  },
  {
    name: 'drawbridge_recordings_bytes',
    help: 'Size of all recordings',
    value: (status) => status.evidence.recordingsBytes,
  },
  {
    name: 'drawbridge_disk_free_bytes',
    help: 'Room that is left for evidence',
    value: (status) => status.evidence.diskFreeBytes,
  },
];

/** What a scrape of the bastion asks of its parts. */
export interface BastionFigures {
  /** Streams that are open in the tunnels of the proxy and of agents. */
  readonly streams: () => { readonly proxy: number; readonly agents: number };
  /** Bytes of live recordings that are not on the disk yet. */
  readonly unsyncedBytes: () => number;
}

/** Adds the figures that are in no status. */
export function addBastionFigures(metrics: RoleMetrics, figures: BastionFigures): void {
  const registers = [metrics.registry];
  new Gauge({
    name: 'drawbridge_streams',
    help: 'Streams that are open in all tunnels, by what is at their other end',
    labelNames: ['peer'],
    registers,
    collect() {
      const { proxy, agents } = figures.streams();
      this.set({ peer: 'proxy' }, proxy);
      this.set({ peer: 'agent' }, agents);
    },
  });
  new Gauge({
    name: 'drawbridge_recording_unsynced_bytes',
    help: 'Recorded and not on the disk yet: what a power failure at this moment would take away',
    registers,
    collect() {
      this.set(figures.unsyncedBytes());
    },
  });
}
