import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportArchive } from '../cli/archive/export-archive.ts';
import { verifyArchive } from '../cli/archive/verify-archive.ts';
import { digestFile } from '../recordings/digest.ts';
import { AuditLog } from '../shared/audit/log.ts';
import { systemClock } from '../shared/clock.ts';
import { createNodeIdentity } from '../shared/identity/node-identity.ts';
import { silentLogger } from '../shared/log.ts';
import type { Row } from './table.ts';

const APPENDS = 20_000;
/** Appends under way at once while the time of one is taken. */
const TOGETHER = 32;
const EVENTS = Number(process.env['DRAWBRIDGE_BENCH_EVENTS'] ?? 200_000);
const RECORDINGS = Number(process.env['DRAWBRIDGE_BENCH_RECORDINGS'] ?? 10);
const RECORDING_MIB = 100;
const MIB = 1024 * 1024;

/** Durable audit events: how many a second, and how long one takes while others are stored as well. */
export async function runAppendsBench(): Promise<Row[]> {
  return inFolder(async (folder) => {
    const { log } = await openLog(folder);
    const append = (n: number) =>
      log.append({ type: 'exec.started', actor: 'operator:alice', session: 's-1', command: `command ${n}` });
    const startMs = performance.now();
    const timesMs: number[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < APPENDS) {
        next += 1;
        const beganMs = performance.now();
        await append(next);
        timesMs.push(performance.now() - beganMs);
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, worker));
    const perSecond = (APPENDS * 1000) / (performance.now() - startMs);
    await log.close();
    timesMs.sort((a, b) => a - b);
    return [
      {
        figure: `durable audit events, ${TOGETHER} at once`,
        ours: Math.round(perSecond),
        unit: 'events/s',
        goal: 2_000,
      },
      {
        figure: 'one durable audit event under that load, median',
        ours: timesMs[APPENDS / 2] ?? 0,
        unit: 'ms',
      },
      {
        figure: 'one durable audit event under that load, p99',
        ours: timesMs[APPENDS * 0.99] ?? 0,
        unit: 'ms',
      },
    ];
  });
}

/** Verifying an archive with public keys alone. */
export async function runVerifyBench(): Promise<Row[]> {
  return inFolder(async (folder) => {
    const { log, identity } = await openLog(folder);
    const recordingsDir = join(folder, 'recordings');
    mkdirSync(recordingsDir);
    for (let n = 0; n < EVENTS; n += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          log.append({
            type: 'exec.started',
            actor: 'operator:alice',
            session: 's-1',
            command: `command ${n + i}`,
          }),
        ),
      );
    }
    await log.checkpoint();
    const keys = [{ id: identity.id, publicJwk: identity.publicJwk, verifies: 'checkpoints' }] as const;
    const archive = async (name: string): Promise<string> => {
      const out = join(folder, name);
      const reader = await AuditLog.openReadOnly(folder);
      await exportArchive({
        place: { role: 'bastion', configPath: '', dataDir: folder, socketPath: '', recordingsDir },
        log: reader,
        keys,
        identity: { id: identity.id, name: 'bench', successions: [] },
        out,
        recordings: true,
        sealed: false,
        createdAt: '',
        createdBy: 'bench',
      });
      await reader.close();
      return out;
    };
    const verified = async (path: string): Promise<number> => {
      const startMs = performance.now();
      const report = await verifyArchive({ path, key: keys[0], witnesses: [], checkpoints: [] });
      if (!report.ok) throw new Error(`the archive does not verify: ${report.firstFault?.text ?? ''}`);
      return performance.now() - startMs;
    };
    const eventsMs = await verified(await archive('events.tar'));
    const content = Buffer.alloc(RECORDING_MIB * MIB, '[1.5,"o","drwxr-xr-x 5 root root 4096 agent"]\n');
    for (let n = 0; n < RECORDINGS; n += 1) {
      const path = join(recordingsDir, `${n}.cast`);
      writeFileSync(path, content);
      const { sha256, sizeBytes } = await digestFile(path);
      await log.append({ type: 'recording.closed', actor: 'system', path: `${n}.cast`, sha256, sizeBytes });
    }
    await log.checkpoint();
    const startMs = performance.now();
    const whole = await archive('whole.tar');
    const exportMs = performance.now() - startMs;
    const recordingsMs = Math.max((await verified(whole)) - eventsMs, 1);
    await log.close();
    const mebibytes = RECORDINGS * RECORDING_MIB;
    return [
      {
        figure: 'verifying events of an archive',
        ours: Math.round((EVENTS * 1000) / eventsMs),
        unit: 'events/s',
      },
      {
        figure: 'verifying recordings of an archive',
        ours: Math.round((mebibytes * 1000) / recordingsMs),
        unit: 'MiB/s',
      },
      {
        figure: 'exporting events and recordings',
        ours: Math.round((mebibytes * 1000) / exportMs),
        unit: 'MiB/s',
      },
    ];
  });
}

async function openLog(folder: string) {
  const identity = await createNodeIdentity(folder, 'bastion', 'bench');
  return {
    identity,
    log: await AuditLog.open(folder, { identity, clock: systemClock, log: silentLogger() }),
  };
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
