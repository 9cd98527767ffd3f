import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from './demo-process.ts';
import { startOpenSshChain } from './openssh-chain.ts';
import type { Row } from './table.ts';

const MIB = 1024 ** 2;
const BULK_MIB = 300;
const BULK_ROUNDS = 3;
const START_ROUNDS = 7;

interface Contender {
  readonly name: string;
  /** ssh with this much in front reaches the host. */
  readonly sshArgs: readonly string[];
}

type Samples = Map<string, number[]>;

/**
 * `ssh … true` and 300 MiB each way through our whole chain, by ProxyJump and by wss, interleaved with OpenSSH's own
 * chain in the same run. Ours records and audits as in production.
 */
export async function runChainBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  const rival = await startOpenSshChain(join(folder, 'openssh'));
  try {
    const demo = await startDemo(join(folder, 'demo'));
    try {
      const [host = ''] = demo.document.hosts;
      const ours = ['-F', demo.document.sshConfig];
      const contenders: readonly Contender[] = [
        { name: 'jump', sshArgs: [...ours, host] },
        { name: 'wss', sshArgs: [...ours, `${host}.wss`] },
        { name: 'openssh', sshArgs: rival.sshArgs },
      ];
      return await measure(contenders);
    } finally {
      await demo.stop();
    }
  } finally {
    await rival.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(contenders: readonly Contender[]): Promise<Row[]> {
  const samples: Samples = new Map();
  for (const contender of contenders) await run(contender, 'true');
  for (let round = 0; round < START_ROUNDS; round++) {
    for (const contender of contenders) {
      note(samples, `start ${contender.name}`, await elapsedMs(() => run(contender, 'true')));
    }
  }
  for (let round = 0; round < BULK_ROUNDS; round++) {
    for (const contender of contenders) {
      const down = await elapsedMs(() => run(contender, `head -c ${BULK_MIB * MIB} /dev/zero`));
      note(samples, `down ${contender.name}`, (BULK_MIB * 1000) / down);
      const up = await elapsedMs(() => run(contender, 'cat >/dev/null', BULK_MIB * MIB));
      note(samples, `up ${contender.name}`, (BULK_MIB * 1000) / up);
    }
  }
  const row = (figure: string, kind: string, way: string, unit: string, goalRatio: number): Row => {
    const ours = median(samples.get(`${kind} ${way}`) ?? []);
    const rival = median(samples.get(`${kind} openssh`) ?? []);
    return { figure, ours, rival, unit, goal: rival * goalRatio };
  };
  return [
    row('ssh … true, ssh -J', 'start', 'jump', 'ms', 0.6),
    row('ssh … true, wss', 'start', 'wss', 'ms', 0.5),
    row(`${BULK_MIB} MiB down, ssh -J`, 'down', 'jump', 'MiB/s', 1.8),
    row(`${BULK_MIB} MiB down, wss`, 'down', 'wss', 'MiB/s', 2),
    row(`${BULK_MIB} MiB up, ssh -J`, 'up', 'jump', 'MiB/s', 1.3),
    row(`${BULK_MIB} MiB up, wss`, 'up', 'wss', 'MiB/s', 1.4),
  ];
}

/** Runs a command through a contender's chain, feeding it `inputBytes` zeros. Throws when it fails. */
async function run(contender: Contender, command: string, inputBytes = 0): Promise<void> {
  const ssh = ['ssh', ...contender.sshArgs, command].map(quoted).join(' ');
  const line = inputBytes === 0 ? `${ssh} </dev/null` : `head -c ${inputBytes} /dev/zero | ${ssh}`;
  const child = spawn('/bin/sh', ['-c', `${line} >/dev/null`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status !== 0) throw new Error(`${contender.name}: ${command} ended with ${status}: ${errors}`);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

async function elapsedMs(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function note(samples: Samples, key: string, value: number): void {
  samples.set(key, [...(samples.get(key) ?? []), value]);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
