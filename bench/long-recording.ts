import { Recorder } from '../recordings/recorder.ts';
import { type Clock, systemClock } from '../shared/clock.ts';

export const LONG_RECORDING_HOURS = 8;

/** Between two pieces of output of the simulated session. */
const STEP_MS = 500;

/** Every so many steps a needle is on the screen: `needle 0`, `needle 1`, … */
const NEEDLE_STEPS = 100;

/** So many steps of logs, then as many of an editor. */
const TURN_STEPS = 20;

/** Somebody looks at logs, edits in a full screen and lists folders, all day: recorded by a clock that runs ahead. */
export async function recordLongSession(
  path: string,
  {
    session,
    startedAtMs,
    logLinesAStep,
  }: { readonly session: string; readonly startedAtMs: number; readonly logLinesAStep: number },
): Promise<{ readonly durationMs: number; readonly sizeBytes: number; readonly sha256: string }> {
  const clock = new SteppingClock();
  const names = { operator: 'bench', host: 'bench', login: 'bench', bastion: 'bench' };
  const recorder = Recorder.create(
    path,
    {
      width: 120,
      height: 40,
      timestamp: Math.floor(startedAtMs / 1000),
      drawbridge: { session, channel: 1, ...names, kind: 'shell' },
    },
    { clock, pty: true },
  );
  const steps = (LONG_RECORDING_HOURS * 3_600_000) / STEP_MS;
  for (let step = 0; step < steps; step++) {
    clock.step(STEP_MS);
    recorder.output(Buffer.from(outputOf(step, logLinesAStep)));
    // The digest and the disk have their turn, as in a session.
    if (step % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return recorder.close();
}

function outputOf(step: number, logLines: number): string {
  const needle = step % NEEDLE_STEPS === 0 ? ` needle ${step / NEEDLE_STEPS} ` : '';
  if (step % (2 * TURN_STEPS) < TURN_STEPS) {
    return Array.from({ length: logLines }, (_, line) => {
      const request = step * logLines + line;
      return `2030-01-01T12:00:00Z web-1 nginx[812]: GET /item/${request % 977} 200 ${request % 4099}${needle}\r\n`;
    }).join('');
  }
  const row = (step % 38) + 1;
  return `\u001b[${row};1H\u001b[2K\u001b[3${step % 8}m${row} const value${step} = compute(${step % 31});${needle}\u001b[0m`;
}

/** The system's clock, but its running time goes by steps. */
class SteppingClock implements Clock {
  #monotonicMs = 0;

  step(byMs: number): void {
    this.#monotonicMs += byMs;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(...args: Parameters<Clock['after']>): ReturnType<Clock['after']> {
    return systemClock.after(...args);
  }

  every(...args: Parameters<Clock['every']>): ReturnType<Clock['every']> {
    return systemClock.every(...args);
  }
}
