import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Contender } from './contenders.ts';
import { builtCommand, startDemo } from './demo-process.ts';
import { runOver } from './ssh-run.ts';
import { elapsedMs, median, Samples } from './statistics.ts';
import type { Row } from './table.ts';

const SIZE_MIB = 200;
const ROUNDS = 3;
const MIB = 1024 ** 2;
/** Recording may cost a twentieth. */
const GOAL_SHARE = 0.95;

/** Where the built recorder begins to write an event, and what stands there in the copy that records nothing. */
const APPEND = '#append(encode) {';
const APPEND_NOTHING = `${APPEND}\n        if (this.sizeBytes > 0) return;`;

const LOADS: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'zeros', command: `head -c ${SIZE_MIB * MIB} /dev/zero` },
  {
    name: 'log lines',
    command: `yes '2030-01-01T12:00:00Z web-1 nginx[812]: GET /index.html 200 1532 bytes' | head -c ${SIZE_MIB * MIB}`,
  },
];

/**
 * Downloads by `ssh -J` through a chain as it is, and through one whose bastion writes nothing behind a recording's header.
 * There is no setting for that: the second is a copy of the build, changed and thrown away by this benchmark.
 */
export async function runRecordBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  const blind = await startDemo(join(folder, 'blind'), [], blindCommand(folder));
  try {
    const recording = await startDemo(join(folder, 'recording'));
    try {
      const contenders = [recording, blind].map(
        ({ document }, n): Contender => ({
          name: n === 0 ? 'recorded' : 'not recorded',
          options: ['-F', document.sshConfig],
          host: document.hosts[0] ?? '',
        }),
      );
      return await race(contenders);
    } finally {
      await recording.stop();
    }
  } finally {
    await blind.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function race(contenders: readonly Contender[]): Promise<Row[]> {
  const samples = new Samples();
  for (const contender of contenders) await runOver(contender, LOADS[0]?.command ?? 'true');
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, command } of LOADS) {
      for (const contender of contenders) {
        const tookMs = await elapsedMs(() => runOver(contender, command));
        samples.add(`${name} ${contender.name}`, (SIZE_MIB * 1000) / tookMs);
      }
    }
  }
  return LOADS.map(({ name }): Row => {
    const ours = samples.of(`${name} recorded`);
    const rival = samples.of(`${name} not recorded`);
    return {
      figure: `record: ${SIZE_MIB} MiB of ${name} down, against the same unrecorded`,
      ours: median(ours),
      rival: median(rival),
      unit: 'MiB/s',
      goal: median(rival) * GOAL_SHARE,
      samples: { ours, rival },
    };
  });
}

/** A copy of the build whose recorder writes nothing but headers. Gives its command's file. */
function blindCommand(folder: string): string {
  const dist = dirname(dirname(builtCommand()));
  const root = dirname(dist);
  cpSync(dist, join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const recorder = join(folder, 'dist', 'recordings', 'recorder.js');
  const parts = readFileSync(recorder, 'utf8').split(APPEND);
  if (parts.length !== 2) throw new Error('the recorder is not what this benchmark knows');
  writeFileSync(recorder, parts.join(APPEND_NOTHING));
  return join(folder, 'dist', 'cli', 'main.js');
}
