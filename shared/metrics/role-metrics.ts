import { X509Certificate } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditEvent, AuditEventInput, AuditSink } from '../audit/event.ts';
import type { Clock } from '../clock.ts';

/** Reasons of refusals that have a series of their own; further ones are counted together. */
const REASONS_LIMIT = 200;
const OTHER_REASON = 'other';
const REASON = /^[a-z0-9_.-]{1,64}$/;

const NANOSECONDS_PER_S = 1e9;
const EVENT_LOOP_RESOLUTION_MS = 100;
const EVENT_LOOP_SHARES = [0.5, 0.9, 0.99] as const;
/** In seconds: from what a fast disk needs to what nobody wants to wait. */
const APPEND_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** Streams that are open in all of these tunnels. */
export function openStreamsOf(tunnels: Iterable<{ readonly openStreams: number }>): number {
  let streams = 0;
  for (const tunnel of tunnels) streams += tunnel.openStreams;
  return streams;
}

/**
 * The figures that proxy and bastion have in common, in Prometheus' text format, and a place for their own. Every label
 * has a bounded set of values: nothing that a peer chooses makes a series.
 */
export class RoleMetrics {
  /** Which role of which version this is about. */
  readonly about: { readonly role: string; readonly version: string };
  readonly registry = new Registry();
  readonly #reasons = new Set<string>();
  readonly #events: Counter<'type'>;
  readonly #refusals: Counter<'type' | 'reason'>;
  readonly #sessionBytes: Counter<'direction'>;
  readonly #appends: Histogram;
  readonly #stops: (() => void)[] = [];

  constructor(options: { readonly role: string; readonly version: string }) {
    this.about = options;
    const registers = [this.registry];
    new Gauge({
      name: 'drawbridge_build_info',
      help: 'Always 1; the labels say what runs',
      labelNames: ['role', 'version', 'node'],
      registers,
    }).set({ ...options, node: process.versions.node }, 1);
    this.#events = new Counter({
      name: 'drawbridge_audit_appends_total',
      help: 'Events that were stored in the audit log since the start',
      labelNames: ['type'],
      registers,
    });
    this.#refusals = new Counter({
      name: 'drawbridge_refusals_total',
      help: 'Refused operators, agents, bastions, channels and sign-ins since the start',
      labelNames: ['type', 'reason'],
      registers,
    });
    this.#sessionBytes = new Counter({
      name: 'drawbridge_session_bytes_total',
      help: 'Bytes of sessions that have ended since the start; in: from the operator to the host',
      labelNames: ['direction'],
      registers,
    });
    this.#appends = new Histogram({
      name: 'drawbridge_audit_append_seconds',
      help: 'How long it took until an event was durable',
      buckets: APPEND_BUCKETS,
      registers,
    });
    this.#watchProcess();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The exposition text as of now. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Ends what measures in the background. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Counts what enters the audit log, from now on. */
  countEvents(log: { subscribe(listener: (event: AuditEvent) => void): () => void }): void {
    this.#stops.push(log.subscribe((event) => this.#count(event)));
  }

  /** The same sink, with the time of each append measured. */
  timed(sink: AuditSink, clock: Clock): AuditSink {
    return {
      append: async (event: AuditEventInput) => {
        const startMs = clock.monotonicMs();
        const stored = await sink.append(event);
        this.#appends.observe((clock.monotonicMs() - startMs) / 1000);
        return stored;
      },
    };
  }

  /** Tells when the certificate that this role serves ends. @param pem gives the server's own, its chain behind it */
  watchCertificate(pem: () => string): void {
    new Gauge({
      name: 'drawbridge_certificate_expires_timestamp_seconds',
      help: 'When the TLS certificate of this role ends',
      registers: [this.registry],
      collect() {
        this.set(Date.parse(new X509Certificate(pem()).validTo) / 1000);
      },
    });
  }

  #count(event: AuditEvent): void {
    this.#events.inc({ type: event.type });
    if (event.type.endsWith('.refused')) {
      const unlisted = typeof event['unlistedRefusals'] === 'number' ? event['unlistedRefusals'] : 0;
      this.#refusals.inc({ type: event.type, reason: this.#reasonOf(event) }, 1 + unlisted);
    }
    if (event.type !== 'session.ended') return;
    for (const [direction, bytes] of [
      ['in', event['bytesIn']],
      ['out', event['bytesOut']],
    ] as const) {
      if (typeof bytes === 'number') this.#sessionBytes.inc({ direction }, bytes);
    }
  }

  /** Codes are ours and few; anything else that stands there may be a peer's words. */
  #reasonOf(event: AuditEvent): string {
    const reason = event['code'] ?? event['reason'];
    if (typeof reason !== 'string' || !REASON.test(reason)) return OTHER_REASON;
    if (!this.#reasons.has(reason) && this.#reasons.size >= REASONS_LIMIT) return OTHER_REASON;
    this.#reasons.add(reason);
    return reason;
  }

  #watchProcess(): void {
    const delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
    delay.enable();
    this.#stops.push(() => delay.disable());
    const registers = [this.registry];
    new Gauge({
      name: 'drawbridge_event_loop_delay_seconds',
      help: 'How late the event loop was since the last scrape',
      labelNames: ['quantile'],
      registers,
      collect() {
        for (const share of EVENT_LOOP_SHARES) {
          const lateNs = delay.percentile(share * 100) - EVENT_LOOP_RESOLUTION_MS * 1e6;
          this.set({ quantile: String(share) }, Math.max(lateNs, 0) / NANOSECONDS_PER_S);
        }
        delay.reset();
      },
    });
    new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Resident memory of this process',
      registers,
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
    new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Processor time of this process',
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    });
    new Gauge({
      name: 'process_start_time_seconds',
      help: 'When this process started',
      registers,
    }).set(Math.round(performance.timeOrigin / 1000));
  }
}
