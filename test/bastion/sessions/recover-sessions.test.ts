import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { recordingName } from '../../../bastion/sessions/recording-name.ts';
import { recoverSessions } from '../../../bastion/sessions/recover-sessions.ts';
import { SessionStore } from '../../../bastion/sessions/session-store.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { digestFile } from '../../../recordings/digest.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { systemClock } from '../../../shared/clock.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const HEADER = '{"version":2,"width":80,"height":24}\n';
const SESSION = {
  id: 's-aaaaaaaaaaaaaaaa',
  operator: 'alice',
  host: 'web-1',
  login: 'deploy',
  startedAt: '2030-01-02T03:04:05.000Z',
};
const SUBJECT = { actor: 'operator:alice', session: SESSION.id, operator: 'alice' } as const;

describe('what a killed bastion left behind', () => {
  let store: SessionStore;
  let log: AuditLog;
  let recordings: string;

  beforeEach(async () => {
    const dir = temporaryDirectory();
    recordings = join(dir, 'recordings');
    mkdirSync(recordings);
    const identity = await createNodeIdentity(join(dir, 'identity'), 'bastion', 'acme');
    log = await AuditLog.open(dir, { identity, clock: systemClock, log: silentLogger() });
    const database = await Database.open(join(dir, 'bastion.db'), {
      migrations: BASTION_MIGRATIONS,
      synchronous: 'NORMAL',
    });
    onTestFinished(async () => {
      await log.close();
      await database.close();
    });
    store = new SessionStore(database);
    await store.start(SESSION);
    await log.append({ type: 'session.started', ...SUBJECT });
  });

  const recover = () =>
    recoverSessions({ store, audit: log, events: log, clock: systemClock, recordingsDirectory: recordings });

  function cast(channel: number, text: string): string {
    const path = join(recordings, recordingName(SESSION, channel, false));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  async function events(type: string) {
    return log.query({ type, limit: 100 });
  }

  test('gets the end of its channels and sessions, with the counters that were stored', async () => {
    await log.append({ type: 'shell.started', ...SUBJECT, channel: 1 });
    await log.append({ type: 'exec.started', ...SUBJECT, channel: 2 });
    await log.append({ type: 'exec.ended', ...SUBJECT, channel: 2 });
    await log.append({ type: 'forward.opened', ...SUBJECT, channel: 3, destination: 'db:5432' });
    const path = cast(1, `${HEADER}[1.5, "o", "hi"]\n[2.0, "o", "to`);
    await store.startRecording(SESSION.id, {
      channel: 1,
      kind: 'shell',
      startedAt: SESSION.startedAt,
      path,
    });
    await store.count([{ id: SESSION.id, in: 12, out: 3456 }]);
    await recover();
    expect((await events('shell.ended')).map((event) => [event['channel'], event['interrupted']])).toEqual([
      [1, true],
    ]);
    expect(await events('exec.ended')).toHaveLength(1);
    expect((await events('forward.closed')).map((event) => event['channel'])).toEqual([3]);
    expect((await events('session.ended'))[0]).toMatchObject({
      interrupted: true,
      bytesIn: 12,
      bytesOut: 3456,
    });
    expect((await events('recording.closed'))[0]?.['sha256']).toBe((await digestFile(path)).sha256);
    expect(await store.get(SESSION.id)).toMatchObject({ state: 'interrupted', bytesIn: 12, bytesOut: 3456 });
  });

  test('leaves a recording alone whose digest is in the log already, and enters nothing twice', async () => {
    // One that failed: it has no exit event, and its last words are in the log.
    const path = cast(1, `${HEADER}[1.5, "o", "hi"]\n`);
    const { sha256, sizeBytes } = await digestFile(path);
    await store.startRecording(SESSION.id, {
      channel: 1,
      kind: 'shell',
      startedAt: SESSION.startedAt,
      path,
    });
    await log.append({ type: 'shell.started', ...SUBJECT, channel: 1 });
    const name = recordingName(SESSION, 1, false);
    const closed = { channel: 1, path: name, sha256, sizeBytes, durationMs: 1500, complete: false };
    await log.append({ type: 'recording.closed', ...SUBJECT, ...closed });
    await log.append({ type: 'shell.ended', ...SUBJECT, channel: 1 });
    await log.append({ type: 'session.ended', ...SUBJECT });
    const before = readFileSync(path);
    await recover();
    expect(readFileSync(path).equals(before)).toBe(true);
    for (const type of ['recording.closed', 'shell.ended', 'session.ended'])
      expect(await events(type)).toHaveLength(1);
    expect((await store.get(SESSION.id))?.recordings[0]).toMatchObject({ state: 'interrupted', sha256 });
    await recover();
    expect(await events('bastion.recovered')).toHaveLength(1);
  });

  test('has its recordings found by name when they were not listed yet, and no others', async () => {
    const path = cast(4, `${HEADER}[1.0, "o", "unlisted"]\n`);
    const other = join(dirname(path), 's-bbbbbbbbbbbbbbbb-1.cast');
    writeFileSync(other, HEADER);
    await recover();
    expect((await events('recording.closed')).map((event) => event['path'])).toEqual([
      recordingName(SESSION, 4, false),
    ]);
    expect(readFileSync(other, 'utf8')).toBe(HEADER);
  });
});
