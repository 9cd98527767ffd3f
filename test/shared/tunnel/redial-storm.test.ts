import { beforeAll, describe, expect, test } from 'vitest';
import type { Clock, Timer } from '../../../shared/clock.ts';
import { createEgress, type Egress } from '../../../shared/egress/egress.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Uplink } from '../../../shared/tunnel/uplink.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

const BASTIONS = 1_000;
const FEW = 100;
const STEP_MS = 20;

/** A clock in steps of {@link STEP_MS} for very many timers: a list per step. */
class SteppedClock implements Clock {
  #step = 0;
  readonly #due = new Map<number, Set<() => void>>();

  nowMs(): number {
    return 1_893_499_200_000 + this.monotonicMs();
  }

  monotonicMs(): number {
    return this.#step * STEP_MS;
  }

  after(delayMs: number, run: () => void): Timer {
    const step = this.#step + Math.max(1, Math.round(delayMs / STEP_MS));
    const list = this.#due.get(step) ?? new Set();
    this.#due.set(step, list.add(run));
    return { cancel: () => list.delete(run) };
  }

  every(): Timer {
    throw new Error('nothing here repeats');
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms / STEP_MS; left > 0; left -= 1) {
      this.#step += 1;
      for (const run of this.#due.get(this.#step) ?? []) run();
      this.#due.delete(this.#step);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

let bastion: NodeIdentity;
let proxy: NodeIdentity;

beforeAll(async () => {
  const directory = createTemporaryDirectory();
  bastion = await createNodeIdentity(`${directory.path}/b`, 'bastion', 'acme');
  proxy = await createNodeIdentity(`${directory.path}/p`, 'proxy', 'vendor');
  return directory.remove;
});

/** So many real uplinks of two tunnels each that find their proxy gone, and the times at which they dial it. */
function fleet(bastions: number) {
  const clock = new SteppedClock();
  const world = { up: false, busy: false, dials: [] as { atMs: number; slot: number }[], probes: 0 };
  const egress: Egress = {
    ...createEgress({}, { env: {} }),
    agentFor: () => {
      throw new Error('nothing is dialled for real');
    },
    describe: () => 'directly',
    issuerOf: () => undefined,
    reach: async () => {
      world.probes += 1;
      if (!world.up) throw new DrawbridgeError('egress.refused', 'Nothing listens there.');
    },
  };
  const perUplink = Array.from({ length: bastions }, () => {
    let dialled = 0;
    return new Uplink({
      url: 'https://proxy.vendor.example',
      identity: bastion,
      peer: { id: proxy.id, publicJwk: proxy.publicJwk },
      egress,
      tunnels: 2,
      onStream: (incoming) => incoming.refuse('test.refused', 'Nothing is offered here.'),
      clock,
      log: silentLogger(),
      dial: async () => {
        if (!world.up) throw new DrawbridgeError('egress.refused', 'Nothing listens there.');
        world.dials.push({ atMs: clock.monotonicMs(), slot: dialled });
        dialled += 1;
        if (world.busy) throw new DrawbridgeError('tunnel.busy', 'Too many tunnels are being set up.');
        return new Promise(() => {});
      },
    });
  });
  return { clock, world, uplinks: perUplink };
}

/** The largest number of events in any window of `windowMs`. */
function peak(timesMs: readonly number[], windowMs: number): number {
  const sorted = [...timesMs].sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, atMs] of sorted.entries()) {
    while ((sorted[first] ?? 0) <= atMs - windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

describe('a thousand bastions whose proxy is away for a while', () => {
  test('are back within a second, their first tunnels spread over it and the second ones over two more', async () => {
    const { clock, world, uplinks } = fleet(BASTIONS);
    for (const uplink of uplinks) uplink.start();
    await clock.advance(10_000);
    expect(world.dials).toEqual([]);
    expect(world.probes / 10 / BASTIONS).toBeLessThan(3);
    world.up = true;
    const backMs = clock.monotonicMs();
    await clock.advance(4_000);
    expect(world.dials).toHaveLength(2 * BASTIONS);
    const first = world.dials.filter((dial) => dial.slot === 0).map((dial) => dial.atMs - backMs);
    const second = world.dials.filter((dial) => dial.slot === 1).map((dial) => dial.atMs - backMs);
    const figures = {
      firstMs: Math.max(...first),
      secondMs: Math.max(...second),
      peakPer100Ms: peak([...first, ...second], 100),
      peakPerSecond: peak([...first, ...second], 1_000),
      withinOneWindow: peak(first, STEP_MS),
    };
    expect(figures.firstMs).toBeLessThanOrEqual(950);
    expect(figures.secondMs).toBeLessThanOrEqual(3_000);
    expect(figures.peakPer100Ms).toBeLessThan(450);
    expect(figures.peakPerSecond).toBeLessThan(1_600);
    expect(figures.withinOneWindow).toBeLessThan(120);
    for (const uplink of uplinks) void uplink.stop('test.closed', 'The test is over.');
  }, 60_000);

  test('fall back to a slower pace where the proxy says that it is busy', async () => {
    const { clock, world, uplinks } = fleet(FEW);
    for (const uplink of uplinks) uplink.start();
    await clock.advance(2_000);
    world.up = true;
    world.busy = true;
    await clock.advance(40_000);
    const lastTenSeconds = world.dials.filter((dial) => dial.atMs > clock.monotonicMs() - 10_000);
    expect(lastTenSeconds.length / 10 / FEW).toBeLessThan(0.4);
    for (const uplink of uplinks) void uplink.stop('test.closed', 'The test is over.');
  }, 60_000);
});
