import { expect, test } from 'vitest';
import { SYNC_PERIOD_MS, SyncSchedule } from '../../recordings/sync-schedule.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { waitFor } from '../support/wait-for.ts';

test('a file that is closed while it waits for its turn is not touched any more', async () => {
  const clock = new FakeClock();
  const schedule = new SyncSchedule(clock);
  const ran: number[] = [];
  const goOn: (() => void)[] = [];
  const removals = Array.from({ length: 6 }, (_, number) =>
    schedule.add({
      due: true,
      run: () => {
        ran.push(number);
        return new Promise((resolve) => goOn.push(resolve));
      },
    }),
  );
  clock.advance(SYNC_PERIOD_MS);
  await waitFor(() => ran.length === 2);
  for (const remove of removals.slice(0, 5)) remove();
  for (const resolve of goOn.splice(0)) resolve();
  await waitFor(() => ran.length === 3);
  expect(ran).toEqual([0, 1, 5]);
});
