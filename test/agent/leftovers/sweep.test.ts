import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { ProcessLooks } from '../../../agent/leftovers/process-looks.ts';
import { Sweep } from '../../../agent/leftovers/sweep.ts';
import { systemClock } from '../../../shared/clock.ts';
import { isAlive } from '../../support/demo.ts';

it('ends what a control group knows, and looks again, when a look at the processes fails', async () => {
  const child = spawn('sleep', ['600']);
  await once(child, 'spawn');
  const ended = once(child, 'close');
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const pid = child.pid ?? 0;
  const group = {
    joinPath: '',
    pids: () => (isAlive(pid) ? [pid] : []),
    kill: () => false,
    remove: () => true,
  };
  const real = new ProcessLooks(0);
  let failures = 2;
  const looks = {
    next: () => (failures-- > 0 ? Promise.reject(new Error('EMFILE: too many open files')) : real.next()),
  };
  const result = await new Sweep('nobody.here', [group], looks, systemClock).run();
  await ended;
  expect(result).toEqual({ ended: [pid], left: [] });
});
