import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bastionPaths, loadBastionConfig } from '../bastion/config.ts';
import { recordingName } from '../bastion/sessions/recording-name.ts';
import { recoverSessions } from '../bastion/sessions/recover-sessions.ts';
import { SessionStore } from '../bastion/sessions/session-store.ts';
import { initBastion } from '../bastion/setup/init.ts';
import { BASTION_MIGRATIONS } from '../bastion/store/migrations.ts';
import { AuditLog } from '../shared/audit/log.ts';
import { systemClock } from '../shared/clock.ts';
import { createNodeIdentity, loadNodeIdentity } from '../shared/identity/node-identity.ts';
import { silentLogger } from '../shared/log.ts';
import { Database } from '../shared/store/database.ts';
import { freePort } from './free-port.ts';
import type { Row } from './table.ts';

const SESSIONS = 1000;
const BATCH = 50;
const READY = 'drawbridge bastion: ready';
const commandPath = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** What the start of a bastion does that was killed with so many live sessions, each with a recording that was cut. */
export async function recoveryRow(folder: string): Promise<Row> {
  const dir = join(folder, 'recovery');
  const recordingsDirectory = join(dir, 'recordings');
  await createNodeIdentity(dir, 'bastion', 'bench');
  const { store, log, database } = await leaveAllLive(dir, recordingsDirectory);
  try {
    const startMs = performance.now();
    await recoverSessions({ store, audit: log, events: log, clock: systemClock, recordingsDirectory });
    const tookS = (performance.now() - startMs) / 1000;
    const left = await store.listLeftLive();
    if (left.length > 0) throw new Error(`${left.length} sessions are still live`);
    return { figure: `putting ${SESSIONS} sessions in order after a kill`, ours: tookS, unit: 's', goal: 5 };
  } finally {
    await database.close();
    await log.close();
  }
}

/** The same over a whole start: from the command, in a process of its own, until it says that it is ready. */
export async function restartRow(folder: string): Promise<Row> {
  const dir = join(folder, 'restart');
  const { configPath } = await initBastion({
    dir,
    name: 'bench',
    host: '127.0.0.1',
    httpsPort: await freePort(),
  });
  const config = await loadBastionConfig(configPath);
  const { log, database } = await leaveAllLive(config.dataDir, bastionPaths(config).recordings);
  await database.close();
  await log.close();
  const startMs = performance.now();
  const bastion = spawn(process.execPath, [commandPath, 'bastion', 'start', '--config', configPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(bastion, 'exit');
  try {
    let said = '';
    for await (const piece of bastion.stdout) {
      said += String(piece);
      if (said.includes(READY)) break;
    }
    if (!said.includes(READY)) throw new Error(`the bastion did not start: ${said}`);
    const tookS = (performance.now() - startMs) / 1000;
    return {
      figure: `starting a bastion that was killed with ${SESSIONS} sessions`,
      ours: tookS,
      unit: 's',
      goal: 5,
    };
  } finally {
    bastion.kill();
    await ended;
  }
}

/** A bastion's directory as a kill leaves it. Its log and index are open still. */
async function leaveAllLive(dataDir: string, recordingsDirectory: string) {
  const identity = await loadNodeIdentity(dataDir);
  const log = await AuditLog.open(dataDir, { identity, clock: systemClock, log: silentLogger() });
  const database = await Database.open(join(dataDir, 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'FULL',
  });
  const store = new SessionStore(database);
  for (let n = 0; n < SESSIONS; n += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, at) =>
      leaveLive(n + at, store, log, recordingsDirectory),
    );
    await Promise.all(batch);
  }
  return { store, log, database };
}

async function leaveLive(n: number, store: SessionStore, log: AuditLog, recordings: string): Promise<void> {
  const session = {
    id: `s-${n}`,
    operator: 'bench',
    host: 'bench',
    login: 'bench',
    startedAt: '2030-01-01T00:00:00.000Z',
  };
  const path = join(recordings, recordingName(session, 1, false));
  mkdirSync(dirname(path), { recursive: true });
  const lines = Array.from({ length: 500 }, (_, line) => `[${line}.5, "o", "line ${line} of the output"]\n`);
  writeFileSync(path, `{"version":2,"width":80,"height":24}\n${lines.join('')}[501.0, "o", "to`);
  await store.start({ ...session, source: '192.0.2.1' });
  const { id, operator, host, login, startedAt } = session;
  const subject = { actor: 'operator:bench', operator, session: id, host, login } as const;
  await log.append({ type: 'session.started', ...subject });
  await log.append({ type: 'shell.started', ...subject, channel: 1 });
  await store.startRecording(id, { channel: 1, kind: 'shell', startedAt, path });
}
