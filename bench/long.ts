import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchScreens } from '../bastion/search/recording-search.ts';
import { replayIndex, replaySegment } from '../bastion/search/replay.ts';
import { SearchStore } from '../bastion/search/search-store.ts';
import { indexRecording } from '../recordings/indexing/index-recording.ts';
import { Recorder } from '../recordings/recorder.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { elapsedMs, quantile } from './statistics.ts';
import type { Row } from './table.ts';

const HOURS = 8;
/** Between two pieces of output of the simulated session. */
const STEP_MS = 500;
const SEEKS = 100;
const SEARCHES = 40;
const SESSION = 's-long';
const MIB = 1024 ** 2;
const KEYFRAME_OPEN_GOAL_MS = 300;

/** A working day in one session: recorded by a clock that runs ahead, then indexed, replayed from anywhere, searched. */
export async function runLongBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  const store = await SearchStore.open(join(folder, 'search.db'), silentLogger());
  try {
    const path = await record(join(folder, 'long.cast'));
    const sizeBytes = statSync(path).size;
    const indexMs = await elapsedMs(() => index(store, path, sizeBytes));
    const opens: number[] = [];
    let segments: readonly { readonly number: number }[] = [];
    for (let n = 0; n < SEARCHES; n++) {
      opens.push(
        await elapsedMs(async () => {
          segments = (await replayIndex(store, SESSION, 1)).segments;
        }),
      );
    }
    const seeks: number[] = [];
    for (let n = 0; n < SEEKS; n++) {
      const number = segments[(n * 7919) % segments.length]?.number ?? 0;
      seeks.push(await elapsedMs(() => replaySegment(store, { session: SESSION, channel: 1, path }, number)));
    }
    const searches: number[] = [];
    for (let n = 0; n < SEARCHES; n++) {
      searches.push(await elapsedMs(() => searchScreens(store, { text: `needle ${n * 14}`, limit: 10 })));
    }
    const { found } = await searchScreens(store, { text: 'needle 420', limit: 10 });
    if (found.length !== 1) throw new Error('what was on the screen was not found');
    return [
      { figure: `long: recording of ${HOURS} h`, ours: sizeBytes / MIB, unit: 'MiB' },
      { figure: `long: indexing it (${segments.length} keyframes)`, ours: indexMs / 1000, unit: 's' },
      timesRow('long: opening the replay', opens),
      timesRow('long: seeking to anywhere', seeks),
      timesRow('long: searching its screens', searches),
    ];
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function timesRow(figure: string, times: readonly number[]): Row {
  return {
    figure: `${figure}, p99`,
    ours: quantile(times, 0.99),
    unit: 'ms',
    goal: KEYFRAME_OPEN_GOAL_MS,
    samples: { ours: times },
  };
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

/** Somebody looks at logs, edits in a full screen, and lists folders, all day. */
async function record(path: string): Promise<string> {
  const clock = new SteppingClock();
  const recorder = Recorder.create(
    path,
    {
      width: 120,
      height: 40,
      timestamp: 1_900_000_000,
      drawbridge: {
        session: SESSION,
        channel: 1,
        operator: 'bench',
        host: 'bench',
        login: 'bench',
        bastion: 'bench',
        kind: 'shell',
      },
    },
    { clock, pty: true },
  );
  for (let step = 0; step * STEP_MS < HOURS * 3600 * 1000; step++) {
    clock.step(STEP_MS);
    recorder.output(Buffer.from(outputOf(step)));
    // The digest and the disk have their turn, as in a session.
    if (step % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await recorder.close();
  return path;
}

function outputOf(step: number): string {
  const needle = step % 100 === 0 ? ` needle ${step / 100} ` : '';
  if (step % 40 < 20) {
    return Array.from({ length: 20 }, (_, line) => {
      const request = step * 20 + line;
      return `2030-01-01T12:00:00Z web-1 nginx[812]: GET /item/${request % 977} 200 ${request % 4099}${needle}\r\n`;
    }).join('');
  }
  const row = (step % 38) + 1;
  return `\u001b[${row};1H\u001b[2K\u001b[3${step % 8}m${row} const value${step} = compute(${step % 31});${needle}\u001b[0m`;
}

async function index(store: SearchStore, path: string, endBytes: number): Promise<void> {
  const subject = {
    session: SESSION,
    channel: 1,
    startedAt: new Date(1_900_000_000_000).toISOString(),
    operator: 'bench',
    host: 'bench',
    login: 'bench',
  };
  const recording = await store.begin(subject);
  for await (const segment of indexRecording(path, { endBytes }))
    await store.storeSegment(recording, subject, segment);
  await store.settle(recording, 'done');
}
