import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AdminAccounts } from '../bastion/admins/admin-accounts.ts';
import { bastionPaths, loadBastionConfig } from '../bastion/config.ts';
import { startBastion } from '../bastion/main.ts';
import { initBastion } from '../bastion/setup/init.ts';
import { BASTION_MIGRATIONS } from '../bastion/store/migrations.ts';
import { AUDIT_MIGRATIONS, auditFilePath } from '../shared/audit/audit-file.ts';
import { hashEvent, lineOf } from '../shared/audit/chain.ts';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { Database } from '../shared/store/database.ts';
import { freePort } from './free-port.ts';
import type { Row } from './table.ts';

const SESSIONS = Number(process.env['DRAWBRIDGE_BENCH_SESSIONS'] ?? 100_000);
const EVENTS = Number(process.env['DRAWBRIDGE_BENCH_EVENTS'] ?? 1_000_000);
const BATCH = 5_000;
const GOAL_MS = 300;
const TRIES = 5;
const START_MS = Date.parse('2025-01-01T00:00:00Z');
const DAY_MS = 86_400_000;
const DAY_LONG_AGO_MS = START_MS + DAY_MS;
const TYPES = ['session.started', 'exec.started', 'exec.ended', 'session.ended'] as const;
const OPERATORS = Array.from({ length: 40 }, (_, n) => `operator-${n}`);
const HOSTS = Array.from({ length: 300 }, (_, n) => `host-${n}`);

/** What the customer's page asks for when a list is opened, in a bastion that is years old. */
export async function runListsBench(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'drawbridge-lists-'));
  try {
    const { configPath, ca } = await initBastion({
      dir,
      name: 'acme',
      host: '127.0.0.1',
      httpsPort: await freePort(),
    });
    const config = await loadBastionConfig(configPath);
    await fillSessions(bastionPaths(config).database);
    await fillEvents(config.dataDir);
    const token = await apiToken(bastionPaths(config).database);
    const role = await startBastion(config, { clock: systemClock, log: silentLogger() });
    try {
      return await measure(new URL(config.publicUrl), readFileSync(ca, 'utf8'), token);
    } finally {
      await role.stop('the bench is over');
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(base: URL, ca: string, token: string): Promise<Row[]> {
  const middle = encodeURIComponent(new Date(START_MS + (SESSIONS / 2) * 60_000).toISOString());
  const asked: readonly (readonly [figure: string, path: string])[] = [
    ['overview', '/api/status'],
    ['sessions', '/api/sessions?limit=50'],
    ['sessions, live', '/api/sessions?live=true'],
    ['sessions of an operator', '/api/sessions?operator=operator-7'],
    ['sessions of an operator on a host', '/api/sessions?operator=operator-7&host=host-11'],
    ['sessions of a login that was never used', '/api/sessions?login=nobody'],
    ['sessions of an operator and a login that never met', '/api/sessions?operator=operator-7&login=root'],
    ['sessions with a command', '/api/sessions?kind=exec'],
    ['sessions without a recording, when there are none', '/api/sessions?kind=unrecorded'],
    ['sessions, from the middle', `/api/sessions?before=${middle}`],
    ['sessions of a day, long ago', `/api/sessions?${dayOf(DAY_LONG_AGO_MS)}`],
    ['names for the filters', '/api/sessions/names'],
    ['audit log', '/api/audit?limit=100'],
    ['audit log, a type', '/api/audit?type=policy.changed'],
    ['audit log, an operator and a type', '/api/audit?operator=operator-7&type=exec.started'],
    [
      'audit log, an operator and a type that never met',
      '/api/audit?operator=operator-7&type=policy.changed',
    ],
    ['audit log, a host and an operator that never met', '/api/audit?operator=operator-7&host=host-299'],
    ['audit log, from the middle', `/api/audit?before=${EVENTS / 2}`],
    ['audit log, one step of a text search without a hit', '/api/audit?text=nowhere-to-be-found'],
    ['audit log, one step of a filter by time, long ago', `/api/audit?${dayOf(DAY_LONG_AGO_MS)}`],
    ['search of sessions', '/api/search?q=nowhere-to-be-found'],
    ['hosts', '/api/hosts'],
    ['approvals', '/api/approvals'],
    ['policy', '/api/policy/versions'],
  ];
  const rows: Row[] = [];
  for (const [figure, path] of asked) {
    let worstMs = 0;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const beganMs = performance.now();
      const answer = request(new URL(path, base), {
        ca,
        agent: false,
        headers: { authorization: `Bearer ${token}` },
      });
      answer.end();
      const [response] = await once(answer, 'response');
      const body = await text(response);
      if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${body}`);
      worstMs = Math.max(worstMs, performance.now() - beganMs);
    }
    rows.push({ figure: `list: ${figure}, slowest of ${TRIES}`, ours: worstMs, unit: 'ms', goal: GOAL_MS });
  }
  return rows;
}

function dayOf(startMs: number): URLSearchParams {
  const [from, to] = [startMs, startMs + DAY_MS].map((ms) => new Date(ms).toISOString());
  return new URLSearchParams({ from: String(from), to: String(to) });
}

async function fillSessions(path: string): Promise<void> {
  const database = await Database.open(path, { migrations: BASTION_MIGRATIONS, synchronous: 'NORMAL' });
  for (let start = 0; start < SESSIONS; start += BATCH) {
    const sessions = Array.from({ length: Math.min(BATCH, SESSIONS - start) }, (_, index) =>
      sessionOf(start + index),
    );
    const json = JSON.stringify(sessions);
    await database.run(
      `INSERT INTO sessions (id, operator, host, login, source, state, started_at, ended_at, end_reason)
       SELECT value ->> 'id', value ->> 'operator', value ->> 'host', value ->> 'login', '203.0.113.7', 'ended',
         value ->> 'startedAt', value ->> 'endedAt', 'operator left' FROM json_each(?)`,
      [json],
    );
    await database.run(
      `INSERT INTO recordings (session, channel, kind, command, started_at, duration_ms, size_bytes, sha256, path, state)
       SELECT value ->> 'id', 1, value ->> 'kind', value ->> 'command', value ->> 'startedAt', 60000, 4000,
         value ->> 'sha256', value ->> 'path', 'closed' FROM json_each(?)`,
      [json],
    );
  }
  await database.close();
}

function sessionOf(n: number) {
  const startMs = START_MS + n * 60_000;
  const isCommand = n % 3 === 0;
  return {
    id: sessionId(n),
    operator: OPERATORS[n % OPERATORS.length],
    host: HOSTS[(n * 7) % HOSTS.length],
    login: n % OPERATORS.length === 7 ? 'deploy' : n % 2 === 0 ? 'deploy' : 'root',
    startedAt: new Date(startMs).toISOString(),
    endedAt: new Date(startMs + 60_000).toISOString(),
    kind: isCommand ? 'exec' : 'shell',
    command: isCommand ? `systemctl status unit-${n % 1_000}` : null,
    sha256: randomBytes(32).toString('hex'),
    path: `/nowhere/${n}.cast`,
  };
}

function sessionId(n: number): string {
  return `s-${String(n).padStart(12, '0')}`;
}

/** Goes on with the chain that `init` has begun, so that the bastion finds a log that is whole. */
async function fillEvents(dataDir: string): Promise<void> {
  const path = auditFilePath(dataDir);
  const database = await Database.open(path, { migrations: AUDIT_MIGRATIONS, synchronous: 'NORMAL' });
  const last = await database.get<{ seq: number; line: string }>(
    'SELECT seq, line FROM event ORDER BY seq DESC LIMIT 1',
  );
  let seq = last?.seq ?? 0;
  let prev = last === undefined ? '0'.repeat(64) : String(JSON.parse(last.line).hash);
  while (seq < EVENTS) {
    const lines: { seq: number; line: string }[] = [];
    for (let n = 0; n < BATCH; n++) {
      seq += 1;
      const session = Math.floor((seq * SESSIONS) / EVENTS);
      const body = {
        type: seq % 10_007 === 0 ? ('policy.changed' as const) : (TYPES[seq % TYPES.length] ?? TYPES[0]),
        actor: `operator:${OPERATORS[session % OPERATORS.length]}` as const,
        ...(seq % 10_007 === 0
          ? {}
          : {
              operator: String(OPERATORS[session % OPERATORS.length]),
              host: String(HOSTS[(session * 7) % HOSTS.length]),
              login: 'deploy',
              session: sessionId(session),
              command: `systemctl status unit-${seq % 1_000}`,
            }),
        seq,
        id: `${String(seq).padStart(8, '0')}-0000-4000-8000-000000000000`,
        time: new Date(START_MS + seq * 6_000).toISOString(),
        prev,
      };
      prev = hashEvent(body);
      lines.push({ seq, line: lineOf({ ...body, hash: prev }) });
    }
    await database.run(
      "INSERT INTO event (seq, line) SELECT value ->> 'seq', value ->> 'line' FROM json_each(?)",
      [JSON.stringify(lines)],
    );
  }
  await database.close();
}

async function apiToken(path: string): Promise<string> {
  const database = await Database.open(path, { migrations: BASTION_MIGRATIONS, synchronous: 'NORMAL' });
  const nowhere = { append: () => Promise.reject(new Error('this bench appends nothing')) };
  const admins = new AdminAccounts({
    database,
    audit: nowhere,
    clock: systemClock,
    bastionName: 'acme',
    publicUrl: () => 'https://localhost',
  });
  const { secret } = await admins.tokens.create('bench', 'viewer', 'system');
  await database.close();
  return secret;
}
