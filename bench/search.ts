import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchScreens } from '../bastion/search/recording-search.ts';
import { SearchStore } from '../bastion/search/search-store.ts';
import { indexRecording } from '../recordings/indexing/index-recording.ts';
import { Recorder } from '../recordings/recorder.ts';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import type { Row } from './table.ts';

const SESSIONS = 10_000;
const TEXT_BYTES = 1_000_000_000;
const CHUNKS_OF_SESSION = 6;
const SEARCHES = 40;
const LONG_MIB = 200;
const MIB = 1024 ** 2;

/** A vocabulary as logs have it: some words are everywhere, most are rare. */
const COMMON = ['info', 'root', 'nginx', 'systemd', 'usr', 'local', 'error', 'request', 'GET', 'status'];

/** Search over 1 GB of screen text of 10,000 sessions, and indexing a recording of 200 MiB. */
export async function runSearchBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  try {
    return [...(await searchRows(folder)), ...(await indexRows(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function searchRows(folder: string): Promise<Row[]> {
  const path = join(folder, 'search.db');
  const store = await SearchStore.open(path, silentLogger());
  const random = sequence(42);
  const startMs = performance.now();
  let textBytes = 0;
  for (let n = 0; n < SESSIONS; n++) {
    const subject = {
      session: `s-${n}`,
      channel: 1,
      startedAt: new Date(1_900_000_000_000 + n * 60_000).toISOString(),
      operator: `operator${n % 50}`,
      host: `host${n % 300}`,
      login: 'deploy',
    };
    const recording = await store.begin(subject);
    const chunks = Array.from({ length: CHUNKS_OF_SESSION }, (_, chunk) => {
      const lines = textLines(random, TEXT_BYTES / SESSIONS / CHUNKS_OF_SESSION);
      if (n === SESSIONS / 2 && chunk === 0) lines.push('the needle in the haystack');
      textBytes += lines.reduce((sum, line) => sum + line.length + 1, 0);
      return { startS: chunk, lines: lines.map((line, index) => [index, line] as const) };
    });
    const keyframe = { startS: 0, offsetBytes: 100, cols: 80, rows: 24, screen: '' };
    const rest = { markers: [], commands: [] };
    await store.storeSegment(recording, subject, { keyframe, endBytes: 1000, endS: 9, chunks, ...rest });
    await store.settle(recording, 'done');
  }
  const buildS = (performance.now() - startMs) / 1000;
  const search = async (text: string, filter: object = {}) =>
    searchScreens(store, { text, limit: 50, ...filter });
  const rows: Row[] = [
    { figure: `text in the index, of ${SESSIONS} sessions`, ours: textBytes / MIB, unit: 'MiB' },
    { figure: 'size of the index', ours: statSync(path).size / MIB, unit: 'MiB' },
    { figure: 'storing that text', ours: textBytes / MIB / buildS, unit: 'MiB/s' },
    await timed('search, one line in all', () => search('needle haystack')),
    await timed('search, a word that every session has', () => search('error')),
    await timed('search, three such words', () => search('error nginx status')),
    await timed('search, such a word of one operator', () => search('error', { operator: 'operator7' })),
    await timed('search, such a word of one host', () => search('error', { host: 'host7' })),
    await timed('search, a word that is nowhere', () => search('nowheretobefound')),
  ];
  await store.close();
  return rows;
}

async function timed(figure: string, run: () => Promise<unknown>): Promise<Row> {
  const times: number[] = [];
  for (let n = 0; n < SEARCHES; n++) {
    const startMs = performance.now();
    await run();
    times.push(performance.now() - startMs);
  }
  times.sort((a, b) => a - b);
  const ours = times.at(-1) ?? 0;
  const median = (times[times.length / 2] ?? 0).toFixed(1);
  return { figure: `${figure}, slowest of ${SEARCHES} (median ${median})`, ours, unit: 'ms', goal: 300 };
}

async function indexRows(folder: string): Promise<Row[]> {
  const recorder = Recorder.create(
    join(folder, 'long.cast'),
    {
      width: 120,
      height: 40,
      timestamp: 1_900_000_000,
      drawbridge: {
        session: 'bench',
        channel: 1,
        operator: 'bench',
        host: 'bench',
        login: 'bench',
        bastion: 'bench',
        kind: 'shell',
      },
    },
    { clock: systemClock, pty: true },
  );
  const random = sequence(7);
  for (let bytes = 0; bytes < LONG_MIB * MIB; ) {
    const chunk = Buffer.from(`${textLines(random, 4000).join('\r\n\u001b[32m')}\u001b[0m\r\n`);
    recorder.output(chunk);
    bytes += chunk.length;
  }
  const { path } = recorder;
  await recorder.close();
  const startMs = performance.now();
  let segments = 0;
  for await (const segment of indexRecording(path, { endBytes: statSync(path).size })) {
    segments += segment.endBytes > 0 ? 1 : 0;
  }
  return [
    {
      figure: `indexing a recording of ${LONG_MIB} MiB (${segments} keyframes)`,
      ours: (performance.now() - startMs) / 1000,
      unit: 's',
    },
  ];
}

function textLines(random: () => number, bytes: number): string[] {
  const lines: string[] = [];
  for (let size = 0; size < bytes; ) {
    const words: string[] = [];
    for (let n = 0; n < 10; n++) {
      const value = random();
      words.push(
        value < 0.3 ? (COMMON[Math.floor(value * 33)] ?? 'info') : `word${Math.floor(value ** 3 * 200_000)}`,
      );
    }
    const line = words.join(' ');
    lines.push(line);
    size += line.length + 1;
  }
  return lines;
}

/** The same numbers in every run (Lehmer's generator). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
