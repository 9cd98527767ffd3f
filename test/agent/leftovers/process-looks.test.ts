import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { MARK_VARIABLE } from '../../../agent/leftovers/marks.ts';
import { ProcessLooks } from '../../../agent/leftovers/process-looks.ts';
import { readEntry } from '../../../agent/leftovers/process-table.ts';

async function marked(mark: string): Promise<number> {
  const child = spawn('sleep', ['600'], { env: { [MARK_VARIABLE]: mark } });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  await once(child, 'spawn');
  return child.pid ?? 0;
}

it('is one look for all who ask at the same time, and another for who asks while it goes on', async () => {
  const looks = new ProcessLooks(0);
  const [first, second] = [looks.next(), looks.next()];
  expect(second).toBe(first);
  // Until the first one has begun, which takes a turn.
  while (looks.next() === first) await new Promise(setImmediate);
  const pid = await marked('later');
  const later = await looks.next();
  expect(later).not.toBe(await first);
  expect(later.entries.find((entry) => entry.pid === pid)?.marks).toEqual(['later']);
});

it('leaves out what was started before', async () => {
  const pid = await marked('x');
  const startedTicks = readEntry(pid)?.startedTicks ?? 0;
  const pids = async (since: number) =>
    (await new ProcessLooks(since).next()).entries.map((entry) => entry.pid);
  expect(await pids(startedTicks)).toContain(pid);
  expect(await pids(startedTicks + 1)).not.toContain(pid);
});
