import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchRecording, searchScreens } from '../bastion/search/recording-search.ts';
import { SearchStore } from '../bastion/search/search-store.ts';
import { indexRecording } from '../recordings/indexing/index-recording.ts';
import { silentLogger } from '../shared/log.ts';
import { startBenchRecording } from './bench-recorder.ts';
import type { Row } from './table.ts';

const SESSIONS = Number(process.env['DRAWBRIDGE_BENCH_SESSIONS'] ?? 10_000);
const TEXT_BYTES = SESSIONS * 100_000;
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
    if (KEPT_FOLDER !== undefined) mkdirSync(KEPT_FOLDER, { recursive: true });
    return [...(await searchRows(KEPT_FOLDER ?? folder)), ...(await indexRows(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the index is kept from one run to the next: making it takes minutes, asking it seconds. */
const KEPT_FOLDER = process.env['DRAWBRIDGE_BENCH_SEARCH'];

/** A kept index must be asked for the same: of a run that was broken off it may hold a part. */
const QUESTIONS: readonly { readonly name: string; readonly text: string; readonly filter?: object }[] = [
  { name: 'one line in all', text: 'needle haystack' },
  { name: 'a word that is nowhere', text: 'nowheretobefound' },
  { name: 'a word that every session has', text: 'error' },
  { name: 'three such words', text: 'error nginx status' },
  { name: 'ten such words', text: COMMON.join(' ') },
  { name: 'a word of some sessions', text: 'word150000' },
  { name: 'such a word and a common one', text: 'error word150000' },
  { name: 'a phrase of common words', text: 'nginx.error' },
  { name: 'a phrase that is nowhere, of common words', text: 'root-nginx-error-usr-local-status-get' },
  { name: 'a common word of one operator', text: 'error', filter: { operator: 'operator7' } },
  { name: 'a common word of one host', text: 'error', filter: { host: 'host7' } },
  {
    name: 'a common word of one operator on one host',
    text: 'error',
    filter: { operator: 'operator7', host: 'host57' },
  },
  { name: 'three common words on one host', text: 'error nginx status', filter: { host: 'host7' } },
  { name: 'a common word in the oldest hour', text: 'error', filter: { to: startOf(60) } },
  { name: 'a common word in the newest hour', text: 'error', filter: { from: startOf(SESSIONS - 60) } },
  { name: 'who it was', text: 'operator7' },
];

async function searchRows(folder: string): Promise<Row[]> {
  const path = join(folder, 'search.db');
  const store = await SearchStore.open(path, silentLogger());
  const built = (await store.find(sessionName(SESSIONS - 1), 1))?.state === 'done' ? [] : await build(store);
  const rows: Row[] = [
    ...built,
    { figure: 'size of the index', ours: statSync(path).size / MIB, unit: 'MiB' },
  ];
  for (const { name, text, filter } of QUESTIONS) {
    const search = () => searchScreens(store, { text, limit: 50, ...filter });
    rows.push(await timed(`search, ${name}`, search));
  }
  const one = { session: sessionName(SESSIONS / 2), channel: 1 };
  rows.push(
    await timed('search in one recording, a common word', () => searchRecording(store, one, 'error')),
  );
  await store.close();
  return rows;
}

async function build(store: SearchStore): Promise<Row[]> {
  const random = sequence(42);
  const startMs = performance.now();
  let textBytes = 0;
  for (let n = 0; n < SESSIONS; n++) {
    const subject = {
      session: sessionName(n),
      channel: 1,
      startedAt: startOf(n),
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
    const rest = { markers: [], pauses: [], commands: [] };
    await store.storeSegment(recording, subject, { keyframe, endBytes: 1000, endS: 9, chunks, ...rest });
    await store.settle(recording, 'done');
  }
  const buildS = (performance.now() - startMs) / 1000;
  return [
    { figure: `text in the index, of ${SESSIONS} sessions`, ours: textBytes / MIB, unit: 'MiB' },
    { figure: 'storing that text', ours: textBytes / MIB / buildS, unit: 'MiB/s' },
  ];
}

function sessionName(n: number): string {
  return `s-${n}`;
}

function startOf(n: number): string {
  return new Date(1_900_000_000_000 + n * 60_000).toISOString();
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
  const recorder = startBenchRecording(join(folder, 'long.cast'), { pty: true });
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
