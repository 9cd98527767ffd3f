import { describe, expect, test } from 'vitest';
import {
  MAX_PROBES,
  PROBE_PERIOD_MS,
  PROBE_TIMEOUT_MS,
  Reachability,
} from '../../../shared/tunnel/reachability.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A network that the test turns on and off; `mute` lets probes hang. */
function network(state: 'up' | 'refusing' | 'mute') {
  const clock = new FakeClock();
  const outages: unknown[] = [];
  const net = { state, probes: 0, hanging: 0, clock, outages };
  const reachability = new Reachability({
    probe: (signal) => {
      net.probes += 1;
      if (net.state === 'up') return Promise.resolve();
      if (net.state === 'refusing') return Promise.reject(new Error('refused'));
      net.hanging += 1;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          net.hanging -= 1;
          reject(new Error('no answer'));
        });
      });
    },
    onOutage: (error) => outages.push(error),
    clock,
  });
  return { ...net, net, reachability };
}

describe('waiting until an address can be reached', () => {
  test('is over at once where it can be', async () => {
    const { reachability, clock } = network('up');
    expect(await reachability.wait(new AbortController().signal)).toEqual({ afterOutage: false });
    await clock.advanceInSteps(1, 1);
    expect(clock.pendingTimers).toBe(0);
  });

  // Where nothing answers, the probe of one period may be left out, since as many as may be are still on their way.
  test.each([
    ['refusing', 1],
    ['mute', 2],
  ] as const)(
    'on a network that was %s for an hour ends within %d periods of its return, and tells of it once',
    async (state, periods) => {
      const { reachability, net, clock, outages } = network(state);
      const wait = reachability.wait(new AbortController().signal);
      await clock.advanceInSteps(3_600_000, 250);
      const probesBefore = net.probes;
      expect(probesBefore).toBeLessThanOrEqual((2 * 3_600_000) / PROBE_PERIOD_MS);
      expect(outages).toHaveLength(1);
      net.state = 'up';
      await clock.advanceInSteps(periods * PROBE_PERIOD_MS, 50);
      expect(await wait).toEqual({ afterOutage: true });
      expect(clock.pendingTimers).toBe(0);
    },
  );

  test('has few probes on their way, also when none is answered', async () => {
    const { reachability, net, clock } = network('mute');
    const stop = new AbortController();
    void reachability.wait(stop.signal);
    for (let ms = 0; ms < 5 * PROBE_TIMEOUT_MS; ms += 50) {
      await clock.advanceInSteps(50, 50);
      expect(net.hanging).toBeLessThanOrEqual(MAX_PROBES);
    }
    stop.abort();
    expect(net.hanging).toBe(0);
    await clock.advanceInSteps(10_000, 500);
    expect(clock.pendingTimers).toBe(0);
  });

  test('shares its probes among all who wait', async () => {
    const { reachability, net } = network('up');
    const signal = new AbortController().signal;
    await Promise.all([1, 2, 3, 4].map(() => reachability.wait(signal)));
    expect(net.probes).toBe(1);
  });

  test('can be for an outage and its end', async () => {
    const { reachability, net, clock } = network('up');
    let over = false;
    void reachability.wait(new AbortController().signal, { onlyAfterOutage: true }).then(() => {
      over = true;
    });
    await clock.advanceInSteps(5_000, 100);
    expect(over).toBe(false);
    net.state = 'refusing';
    await clock.advanceInSteps(1_000, 100);
    expect(over).toBe(false);
    net.state = 'up';
    await clock.advanceInSteps(PROBE_PERIOD_MS, 50);
    expect(over).toBe(true);
  });
});
