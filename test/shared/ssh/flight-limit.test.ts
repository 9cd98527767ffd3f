import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../shared/clock.ts';
import { FlightLimit, LOWEST_LIMIT_BYTES, QUEUE_TARGET_MS } from '../../../shared/ssh/flight-limit.ts';

const PACKET_BYTES = 32 * 1024;
const SETTLED_MS = 3_000;

interface Line {
  readonly bytesPerMs: number;
  readonly rttMs: number;
  /** Each answer is late by up to so much. */
  readonly jitterMs?: number;
}

/** A sender that always has more, behind a {@link FlightLimit}, and one line with a queue without end. */
class SimulatedLine {
  readonly waitsMs: number[] = [];
  deliveredBytes = 0;
  probes = 0;
  nowMs = 0;
  readonly flight: FlightLimit;
  readonly #answersAt: number[] = [];
  readonly #arrivals: { readonly atMs: number; readonly bytes: number }[] = [];
  #freeAtMs = 0;
  #line: Line;

  constructor(line: Line) {
    this.#line = line;
    const clock: Pick<Clock, 'monotonicMs'> = { monotonicMs: () => this.nowMs };
    this.flight = new FlightLimit(clock);
  }

  change(line: Line): void {
    this.#line = line;
  }

  /** Bytes that were sent and did not arrive yet. */
  get onTheWayBytes(): number {
    return this.#arrivals.filter(({ atMs }) => atMs > this.nowMs).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  run(untilMs: number): void {
    this.#send();
    for (;;) {
      const atMs = this.#answersAt[0];
      if (atMs === undefined) throw new Error('nothing is on its way that could go on');
      if (atMs > untilMs) break;
      this.#answersAt.shift();
      this.nowMs = Math.max(atMs, this.nowMs);
      if (this.flight.answered()) this.#probe();
      this.#send();
    }
    this.nowMs = untilMs;
    this.deliveredBytes = this.#arrivals
      .filter(({ atMs }) => atMs > SETTLED_MS && atMs <= untilMs)
      .reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #send(): void {
    while (!this.flight.isFull) {
      const bytes = Math.min(this.flight.pieceBytes, PACKET_BYTES);
      const arrivesAtMs = this.#put(bytes);
      this.#arrivals.push({ atMs: arrivesAtMs, bytes });
      if (this.nowMs > SETTLED_MS) this.waitsMs.push(arrivesAtMs - this.nowMs - this.#line.rttMs / 2);
      if (this.flight.sent(bytes)) this.#probe();
    }
  }

  #probe(): void {
    this.probes += 1;
    const { rttMs, jitterMs = 0 } = this.#line;
    // Evenly late, so that a run can be repeated.
    const lateMs = (jitterMs * ((this.probes * 7) % 10)) / 10;
    this.#answersAt.push(Math.max(this.#put(64) + rttMs / 2 + lateMs, this.#answersAt.at(-1) ?? 0));
  }

  #put(bytes: number): number {
    const { bytesPerMs, rttMs } = this.#line;
    this.#freeAtMs = Math.max(this.nowMs + rttMs / 2, this.#freeAtMs) + bytes / bytesPerMs;
    return this.#freeAtMs;
  }
}

const lines = fc.record({
  bytesPerMs: fc.integer({ min: 1_000, max: 100_000 }),
  rttMs: fc.integer({ min: 1, max: 300 }),
  jitterMs: fc.integer({ min: 0, max: 15 }),
});

describe('what is kept on its way to a peer', () => {
  test('fills its line, and waits in it for moments only, whatever the line is', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const simulated = new SimulatedLine(line);
        simulated.run(9_000);
        expect(simulated.deliveredBytes).toBeGreaterThan(0.85 * line.bytesPerMs * (9_000 - SETTLED_MS));
        const waits = simulated.waitsMs.sort((a, b) => a - b);
        const targetMs = Math.max(QUEUE_TARGET_MS, line.rttMs / 3);
        const lowestMs = LOWEST_LIMIT_BYTES / line.bytesPerMs;
        expect(waits[Math.floor(waits.length * 0.5)]).toBeLessThan(2 * targetMs + lowestMs);
        expect(waits.at(-1)).toBeLessThan(6 * targetMs + lowestMs);
      }),
      { numRuns: 25 },
    );
  });

  test('is little on a slow line, where a whole receive window would wait for seconds', () => {
    const simulated = new SimulatedLine({ bytesPerMs: 1_000, rttMs: 20 });
    simulated.run(6_000);
    expect(simulated.onTheWayBytes).toBeLessThan(150_000);
  });

  test('follows a line that becomes slower, and one that becomes quicker', () => {
    const simulated = new SimulatedLine({ bytesPerMs: 50_000, rttMs: 20 });
    simulated.run(4_000);
    expect(simulated.onTheWayBytes).toBeGreaterThan(1_000_000);
    simulated.change({ bytesPerMs: 1_000, rttMs: 20 });
    simulated.run(9_000);
    expect(simulated.onTheWayBytes).toBeLessThan(200_000);
    simulated.change({ bytesPerMs: 50_000, rttMs: 20 });
    simulated.run(12_000);
    expect(simulated.onTheWayBytes).toBeGreaterThan(1_000_000);
  });

  test('follows a way that becomes longer for good', () => {
    const simulated = new SimulatedLine({ bytesPerMs: 20_000, rttMs: 2 });
    simulated.run(5_000);
    simulated.change({ bytesPerMs: 20_000, rttMs: 200 });
    simulated.run(75_000);
    const before = simulated.deliveredBytes;
    simulated.run(85_000);
    expect(simulated.deliveredBytes - before).toBeGreaterThan(0.8 * 20_000 * 10_000);
  });

  test('costs a few probes a second', () => {
    const simulated = new SimulatedLine({ bytesPerMs: 100_000, rttMs: 1 });
    simulated.run(10_000);
    expect(simulated.probes).toBeLessThan(1_200);
  });
});

/** Something is sent, or the oldest probe answered, after a while. */
const steps = fc.record({
  sentBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400_000 })),
  afterMs: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 70_000 })),
});

describe('while no more may be sent', () => {
  test('a probe is on its way, in whatever order things come', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 200 }), (taken) => {
        let nowMs = 0;
        let waiting = 0;
        const flight = new FlightLimit({ monotonicMs: () => nowMs });
        for (const step of taken) {
          nowMs += step.afterMs;
          if (step.sentBytes > 0 && !flight.isFull && flight.sent(step.sentBytes)) waiting += 1;
          if (step.sentBytes === 0 && waiting > 0 && !flight.answered()) waiting -= 1;
          expect(waiting > 0 || !flight.isFull).toBe(true);
        }
      }),
    );
  });

  test('a peer that uses what was sent behind a probe, and does not answer that, has no limit any more', () => {
    const flight = new FlightLimit({ monotonicMs: () => 0 });
    while (!flight.isFull) flight.sent(PACKET_BYTES);
    flight.consumed(20_000);
    expect(flight.isFull).toBe(true);
    flight.consumed(20_000);
    expect(flight.isFull).toBe(false);
  });

  test('a peer that answers no probe gets the limit of its windows after a while', () => {
    let nowMs = 0;
    const flight = new FlightLimit({ monotonicMs: () => nowMs });
    while (!flight.isFull) flight.sent(PACKET_BYTES);
    nowMs = 14_000;
    flight.checkSilence();
    expect(flight.isFull).toBe(true);
    nowMs = 16_000;
    flight.checkSilence();
    expect(flight.isFull).toBe(false);
    expect(flight.sent(100 * 1024 * 1024)).toBe(false);
    expect(flight.isFull).toBe(false);
    // It was stopped, and is going on.
    flight.answered();
    expect(flight.isFull).toBe(true);
  });
});
