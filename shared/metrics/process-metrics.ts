import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from 'prom-client';

const NANOSECONDS_PER_S = 1e9;
const EVENT_LOOP_RESOLUTION_MS = 100;
const EVENT_LOOP_SHARES = [0.5, 0.9, 0.99] as const;

/**
 * The figures that any role has about its process, in Prometheus' text format, and a place for its own. Every label has a
 * bounded set of values: nothing that a peer chooses makes a series.
 */
export class ProcessMetrics {
  /** Which role of which version this is about. */
  readonly about: { readonly role: string; readonly version: string };
  readonly registry = new Registry();
  readonly #stops: (() => void)[] = [];

  constructor(about: { readonly role: string; readonly version: string }) {
    this.about = about;
    new Gauge({
      name: 'drawbridge_build_info',
      help: 'Always 1; the labels say what runs',
      labelNames: ['role', 'version', 'node'],
      registers: [this.registry],
    }).set({ ...about, node: process.versions.node }, 1);
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

  /** Has something ended at `close`. */
  protected stopLater(stop: () => void): void {
    this.#stops.push(stop);
  }

  #watchProcess(): void {
    const delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
    delay.enable();
    this.stopLater(() => delay.disable());
    const registers = [this.registry];
    new Gauge({
      name: 'drawbridge_event_loop_delay_seconds',
      help: 'How late the event loop was since the last scrape',
      // Not `quantile`, which Prometheus keeps for summaries.
      labelNames: ['percentile'],
      registers,
      collect() {
        for (const share of EVENT_LOOP_SHARES) {
          const lateNs = delay.percentile(share * 100) - EVENT_LOOP_RESOLUTION_MS * 1e6;
          this.set({ percentile: String(Math.round(share * 100)) }, Math.max(lateNs, 0) / NANOSECONDS_PER_S);
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
