import { X509Certificate } from 'node:crypto';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { AuditEvent, AuditEventInput, AuditSink } from '../audit/event.ts';
import type { Clock } from '../clock.ts';
import { ProcessMetrics } from './process-metrics.ts';

/** Reasons of refusals that have a series of their own; further ones are counted together. */
const REASONS_LIMIT = 200;
const OTHER_REASON = 'other';
const REASON = /^[a-z0-9_.-]{1,64}$/;

/** In seconds: from what a fast disk needs to what nobody wants to wait. */
const APPEND_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** Streams that are open in all of these tunnels. */
export function openStreamsOf(tunnels: Iterable<{ readonly openStreams: number }>): number {
  let streams = 0;
  for (const tunnel of tunnels) streams += tunnel.openStreams;
  return streams;
}

/** The figures that proxy and bastion have in common: of the process, of the audit log, of the certificate. */
export class RoleMetrics extends ProcessMetrics {
  readonly #reasons = new Set<string>();
  readonly #events: Counter<'type'>;
  readonly #refusals: Counter<'type' | 'reason'>;
  readonly #sessionBytes: Counter<'direction'>;
  readonly #appends: Histogram;

  constructor(about: { readonly role: string; readonly version: string }) {
    super(about);
    const registers = [this.registry];
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
  }

  /** Counts what enters the audit log, from now on. */
  countEvents(log: { subscribe(listener: (event: AuditEvent) => void): () => void }): void {
    this.stopLater(log.subscribe((event) => this.#count(event)));
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
}
