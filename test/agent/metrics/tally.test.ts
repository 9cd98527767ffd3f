import { expect, it } from 'vitest';
import { AgentTally } from '../../../agent/metrics/tally.ts';

it('a tunnel is lost once, when it stood before, and each for itself', () => {
  const tally = new AgentTally();
  for (const state of ['connecting', 'waiting', 'connecting', 'connected', 'connected'])
    tally.tunnelIs(0, state);
  expect(tally.tunnelsLost).toBe(0);
  tally.tunnelIs(1, 'connected');
  for (const state of ['waiting', 'connecting', 'waiting']) tally.tunnelIs(0, state);
  expect(tally.tunnelsLost).toBe(1);
  tally.tunnelIs(1, 'off');
  expect(tally.tunnelsLost).toBe(2);
});
