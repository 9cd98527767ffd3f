import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contender, withContest } from './contenders.ts';
import { quoted, runLine, runOver } from './ssh-run.ts';
import { elapsedMs, median, Samples } from './statistics.ts';
import type { Row } from './table.ts';

const LARGE_MIB = 1024;
const SMALL_FILES = 5_000;
const SMALL_BYTES = 2_048;
const ROUNDS = 3;
const GOAL = 1.2;

const PROGRAMS = ['scp', 'rsync'] as const;

/** What is to be copied to the host, by name. */
interface Load {
  readonly name: string;
  readonly path: string;
  readonly mib: number;
}

/** One large file and many small ones, up, by scp (sftp protocol) and rsync; every file audited. */
export function runFilesBench(rounds = ROUNDS): Promise<Row[]> {
  return withContest(async ({ jump, sshd, openssh, folder }) => {
    const loads = makeLoads(folder);
    const target = join(folder, 'target');
    const samples = new Samples();
    const contenders = [jump, sshd, openssh];
    for (const contender of contenders) await runOver(contender, 'true');
    for (let round = 0; round < rounds; round++) {
      for (const load of loads) {
        for (const program of PROGRAMS) {
          for (const contender of contenders) {
            mkdirSync(target);
            const line = copyLine(program, contender, load.path, target);
            const tookMs = await elapsedMs(() => runLine(line, `${program} by ${contender.name}`));
            rmSync(target, { recursive: true });
            samples.add(`${program} ${load.name} ${contender.name}`, (load.mib * 1000) / tookMs);
          }
        }
      }
    }
    return loads.flatMap((load) =>
      PROGRAMS.flatMap((program) =>
        [jump, sshd].map((contender): Row => {
          const ours = samples.of(`${program} ${load.name} ${contender.name}`);
          const rival = samples.of(`${program} ${load.name} ${openssh.name}`);
          return {
            figure: `files: ${program} of ${load.name}, ${contender.name}`,
            ours: median(ours),
            rival: median(rival),
            unit: 'MiB/s',
            goal: median(rival) * GOAL,
            samples: { ours, rival },
          };
        }),
      ),
    );
  });
}

function makeLoads(folder: string): readonly Load[] {
  const large = join(folder, 'large');
  writeFileSync(large, Buffer.alloc(LARGE_MIB * 1024 ** 2, 'not only zeros, and not random either. '));
  const small = join(folder, 'small');
  mkdirSync(small);
  for (let n = 0; n < SMALL_FILES; n++) writeFileSync(join(small, `file-${n}`), Buffer.alloc(SMALL_BYTES, n));
  return [
    { name: '1 GiB', path: large, mib: LARGE_MIB },
    { name: `${SMALL_FILES} files of 2 KiB`, path: small, mib: (SMALL_FILES * SMALL_BYTES) / 1024 ** 2 },
  ];
}

function copyLine(
  program: (typeof PROGRAMS)[number],
  contender: Contender,
  from: string,
  to: string,
): string {
  const options = contender.options.map(quoted).join(' ');
  const where = quoted(`${contender.host}:${to}/`);
  if (program === 'scp') return `scp -q -r ${options} ${quoted(from)} ${where}`;
  return `rsync -a -e ${quoted(`ssh ${options}`)} ${quoted(from)} ${where}`;
}
