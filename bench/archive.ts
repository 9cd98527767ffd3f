import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compressRecording } from '../recordings/compress.ts';
import { AuditLog } from '../shared/audit/log.ts';
import { formatVerifierKey } from '../shared/audit/verifier-key.ts';
import { systemClock } from '../shared/clock.ts';
import { createNodeIdentity, type NodeIdentity } from '../shared/identity/node-identity.ts';
import { silentLogger } from '../shared/log.ts';
import { elapsedMs } from './statistics.ts';
import type { Row } from './table.ts';

const EVENTS = Number(process.env['DRAWBRIDGE_BENCH_EVENTS'] ?? 100_000);
const RECORDINGS = Number(process.env['DRAWBRIDGE_BENCH_RECORDINGS'] ?? 100);
const RECORDING_MIB = Number(process.env['DRAWBRIDGE_BENCH_RECORDING_MIB'] ?? 10);
/** Every so manieth recording lies there compressed, as those of more than some days do. */
const COMPRESSED_EACH = 5;
const TOGETHER = 2_000;
const SAMPLE_MS = 50;
const GOAL_RSS_MIB = 300;
const MIB = 1024 ** 2;
/** In /proc/PID/stat, counted behind the name: ticks in user mode, and right behind them those in the kernel. */
const USER_TICKS_AT = 11;
const TICKS_PER_S = 100;

/**
 * What an auditor waits for: the whole of a large bastion's evidence written into one archive and verified, each by the
 * command itself in a process of its own, beside what reading the same file and hashing it takes.
 */
export async function runArchiveBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-archive-'));
  try {
    const dataDir = join(folder, 'data');
    const config = join(folder, 'bastion.yaml');
    writeFileSync(config, 'role: bastion\ndataDir: data\n');
    const identity = await createNodeIdentity(dataDir, 'bastion', 'acme');
    const key = join(folder, 'bastion.pub');
    const { id, publicJwk } = identity;
    writeFileSync(key, `${formatVerifierKey({ id, publicJwk, verifies: 'checkpoints' })}\n`);
    await fill(dataDir, identity);
    const out = join(folder, 'acme.tar');
    const exporting = await run('export', '--config', config, '--out', out);
    rmSync(join(dataDir, 'recordings'), { recursive: true });
    const bytes = statSync(out).size;
    const hashedBefore = process.cpuUsage();
    const hashingMs = await elapsedMs(() => hashFile(out));
    const { user, system } = process.cpuUsage(hashedBefore);
    const hashingS = (user + system) / 1e6;
    const verifying = await run('verify', out, '--key', key);
    const rate = (ms: number) => Math.round((bytes * 1000) / MIB / ms);
    const what = `${EVENTS} events, ${Math.round(bytes / MIB)} MiB`;
    return [
      { figure: `archive: writing one of ${what}`, ours: exporting.ms / 1000, unit: 's' },
      { figure: 'archive: writing', ours: rate(exporting.ms), unit: 'MiB/s' },
      { figure: 'archive: writing, processor time', ours: exporting.cpuS, unit: 's' },
      { figure: 'archive: writing, highest RSS', ours: exporting.rssMib, unit: 'MiB', goal: GOAL_RSS_MIB },
      { figure: `archive: verifying that of ${what}`, ours: verifying.ms / 1000, unit: 's' },
      {
        figure: 'archive: verifying, beside SHA-256 of the same file',
        ours: rate(verifying.ms),
        rival: rate(hashingMs),
        unit: 'MiB/s',
      },
      {
        figure: 'archive: verifying, processor time, beside SHA-256 of the same file',
        ours: verifying.cpuS,
        rival: hashingS,
        unit: 's',
      },
      { figure: 'archive: verifying, highest RSS', ours: verifying.rssMib, unit: 'MiB', goal: GOAL_RSS_MIB },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(dataDir: string, identity: NodeIdentity): Promise<void> {
  const log = await AuditLog.open(dataDir, { identity, clock: systemClock, log: silentLogger() });
  const each = Math.ceil(EVENTS / RECORDINGS);
  const line = (n: number) =>
    `[${n}.25,"o","2030-01-01T12:00:00Z web-1 nginx[812]: GET /${randomBytes(6).toString('hex')} 200 1532\\r\\n"]\n`;
  const content = Buffer.alloc(
    RECORDING_MIB * MIB,
    Array.from({ length: 5_000 }, (_, n) => line(n)).join(''),
  );
  for (let n = 0; n < RECORDINGS; n += 1) {
    const session = `s-${n}`;
    const about = { operator: 'alice', session, host: 'web-1', login: 'deploy' } as const;
    for (let done = 0; done < each - 1; done += TOGETHER) {
      const left = Math.min(TOGETHER, each - 1 - done);
      await Promise.all(
        Array.from({ length: left }, (_, i) =>
          log.append({
            type: 'exec.started',
            actor: 'operator:alice',
            ...about,
            command: `uptime ${done + i}`,
          }),
        ),
      );
    }
    const path = `2030/01/01/${session}-1.cast`;
    const file = join(dataDir, 'recordings', path);
    mkdirSync(dirname(file), { recursive: true });
    // None is like another.
    content.write(String(n).padStart(12, '0'), 40);
    writeFileSync(file, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await log.append({
      type: 'recording.closed',
      actor: 'system',
      ...about,
      path,
      sha256,
      sizeBytes: content.length,
    });
    if (n % COMPRESSED_EACH === 0) await compressRecording(file, sha256);
    await log.checkpoint();
  }
  await log.close();
}

/** Runs the command as a user would, and takes its time, its processor time and its highest RSS. */
async function run(...words: readonly string[]): Promise<{ ms: number; cpuS: number; rssMib: number }> {
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const startMs = performance.now();
  const child = spawn(process.execPath, [main, 'audit', ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  let rssMib = 0;
  let cpuS = 0;
  while (child.exitCode === null && child.signalCode === null) {
    rssMib = Math.max(rssMib, highestRssMib(child.pid ?? 0));
    cpuS = Math.max(cpuS, processorS(child.pid ?? 0));
    await Promise.race([ended, wait(SAMPLE_MS)]);
  }
  const ms = performance.now() - startMs;
  if (child.exitCode !== 0) throw new Error(`audit ${words.join(' ')} ended with ${child.exitCode}`);
  return { ms, cpuS, rssMib };
}

function highestRssMib(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}

function processorS(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[USER_TICKS_AT]) + Number(fields[USER_TICKS_AT + 1])) / TICKS_PER_S;
  } catch {
    return 0;
  }
}

async function hashFile(path: string): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: MIB })) hash.update(piece);
  hash.digest();
}
