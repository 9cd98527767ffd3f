import { cpus, release, type } from 'node:os';
import { createTerminal } from '../cli/terminal.ts';
import { printRows, type Row } from './table.ts';

/** Every part starts what it needs, measures ours and the rival's in turns, and stops it again. */
const PARTS: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  chain: async () => (await import('./chain.ts')).runChainBench(),
  tunnel: async () => (await import('./tunnel.ts')).runTunnelBench(),
  recording: async () => (await import('./recording.ts')).runRecordingBench(),
};

const terminal = createTerminal(process.stdout, process.stderr, process.env);
const json = process.argv.includes('--json');
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const unknown = wanted.filter((name) => PARTS[name] === undefined);
if (unknown.length > 0) {
  terminal.note(`drawbridge: error: There is no part ${unknown.join(', ')}.`);
  terminal.note(`drawbridge: hint: The parts are ${Object.keys(PARTS).join(', ')}.`);
  process.exitCode = 2;
} else {
  const rows: Row[] = [];
  for (const [name, run] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    terminal.note(`measuring ${name} …`);
    rows.push(...(await run()));
  }
  const machine = `${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`;
  if (json) terminal.json({ machine, rows });
  else {
    terminal.line(machine);
    printRows(terminal, rows);
  }
}
