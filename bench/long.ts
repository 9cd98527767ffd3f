import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchScreens } from '../bastion/search/recording-search.ts';
import { replayIndex, replaySegment } from '../bastion/search/replay.ts';
import { SearchStore } from '../bastion/search/search-store.ts';
import { indexRecording } from '../recordings/indexing/index-recording.ts';
import { silentLogger } from '../shared/log.ts';
import { LONG_RECORDING_HOURS, recordLongSession } from './long-recording.ts';
import { elapsedMs, quantile } from './statistics.ts';
import type { Row } from './table.ts';

const STARTED_MS = 1_900_000_000_000;
/** Makes 39 MiB. */
const LOG_LINES_A_STEP = 20;
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
    const path = join(folder, 'long.cast');
    const { sizeBytes } = await recordLongSession(path, {
      session: SESSION,
      startedAtMs: STARTED_MS,
      logLinesAStep: LOG_LINES_A_STEP,
    });
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
      { figure: `long: recording of ${LONG_RECORDING_HOURS} h`, ours: sizeBytes / MIB, unit: 'MiB' },
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

async function index(store: SearchStore, path: string, endBytes: number): Promise<void> {
  const subject = {
    session: SESSION,
    channel: 1,
    startedAt: new Date(STARTED_MS).toISOString(),
    operator: 'bench',
    host: 'bench',
    login: 'bench',
  };
  const recording = await store.begin(subject);
  for await (const segment of indexRecording(path, { endBytes }))
    await store.storeSegment(recording, subject, segment);
  await store.settle(recording, 'done');
}
