import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { createTerminal } from '../cli/terminal.ts';
import { isMet, printRows, type Row } from './table.ts';

/** What can be said about a part on the command line. */
interface PartOptions {
  /** How long `small-vm` goes on. */
  readonly minutes?: number;
  /** How often `files` copies everything by every way. */
  readonly rounds?: number;
  /** How much `flat` moves each time. */
  readonly gib?: number;
}

/** Every part starts what it needs, measures ours and the rival's in turns, and stops it again. */
const PARTS: Readonly<Record<string, (options: PartOptions) => Promise<readonly Row[]>>> = {
  start: async () => (await import('./start.ts')).runStartBench(),
  bulk: async () => (await import('./bulk.ts')).runBulkBench(),
  'bulk-wss': async () => (await import('./bulk.ts')).runBulkWssBench(),
  many: async () => (await import('./bulk.ts')).runManyBench(),
  files: async ({ rounds }) => (await import('./files.ts')).runFilesBench(rounds),
  echo: async () => (await import('./echo.ts')).runEchoBench(),
  'echo-bulk': async () => (await import('./echo.ts')).runEchoBulkBench(),
  tunnel: async () => (await import('./tunnel.ts')).runTunnelBench(),
  'idle-tunnels': async () => (await import('./tunnel.ts')).runIdleTunnelsBench(),
  kill: async () => (await import('./kill.ts')).runKillBench(),
  search: async () => (await import('./search.ts')).runSearchBench(),
  lists: async () => (await import('./lists.ts')).runListsBench(),
  page: async () => (await import('./page.ts')).runPageBench(),
  appends: async () => (await import('./evidence.ts')).runAppendsBench(),
  verify: async () => (await import('./evidence.ts')).runVerifyBench(),
  archive: async () => (await import('./archive.ts')).runArchiveBench(),
  'small-vm': async ({ minutes }) => (await import('./small-vm.ts')).runSmallVmBench(minutes),
  'idle-sessions': async () => (await import('./idle-sessions.ts')).runIdleSessionsBench(),
  flat: async ({ gib }) => (await import('./flat.ts')).runFlatBench(gib),
  record: async () => (await import('./record.ts')).runRecordBench(),
  long: async () => (await import('./long.ts')).runLongBench(),
  recording: async () => (await import('./recording.ts')).runRecordingBench(),
};

/** Names for several parts. */
const GROUPS: Readonly<Record<string, readonly string[]>> = { chain: ['start', 'bulk', 'bulk-wss'] };

const terminal = createTerminal(process.stdout, process.stderr, process.env);
const words = process.argv.slice(2);
const json = words.includes('--json');
const file = words.find((word) => word.startsWith('--out='))?.slice('--out='.length);
const numberOf = (option: string): number =>
  Number(words.find((word) => word.startsWith(option))?.slice(option.length));
const minutes = numberOf('--minutes=');
const rounds = numberOf('--rounds=');
const gib = numberOf('--gib=');
const options: PartOptions = {
  ...(minutes > 0 ? { minutes } : {}),
  ...(rounds > 0 ? { rounds } : {}),
  ...(gib > 0 ? { gib } : {}),
};
const names = words.filter((word) => !word.startsWith('-')).flatMap((word) => GROUPS[word] ?? [word]);
const unknown = names.filter((name) => PARTS[name] === undefined);
if (unknown.length > 0) {
  terminal.note(`drawbridge: error: There is no part ${unknown.join(', ')}.`);
  terminal.note(
    `drawbridge: hint: The parts are ${[...Object.keys(PARTS), ...Object.keys(GROUPS)].join(', ')}.`,
  );
  process.exitCode = 2;
} else {
  const rows: Row[] = [];
  for (const [name, run] of Object.entries(PARTS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    terminal.note(`measuring ${name} …`);
    rows.push(...(await run(options)));
  }
  const report = { ...machine(), rows: rows.map((row) => ({ ...row, met: isMet(row) })) };
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  if (json) terminal.json(report);
  else {
    terminal.line(`${report.machine}, Node ${report.node}, ${report.openssh}`);
    printRows(terminal, rows);
  }
}

function machine() {
  const openssh = spawnSync('ssh', ['-V'], { encoding: 'utf8' }).stderr?.trim() ?? 'no ssh';
  return {
    measuredAt: new Date().toISOString(),
    machine: `${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    node: process.versions.node,
    openssh,
  };
}
