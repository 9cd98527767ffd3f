import { beforeAll, describe, expect, it } from 'vitest';
import { hashEvent } from '../../../shared/audit/chain.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { AuditLog } from '../../../shared/audit/log.ts';
import { type VerifyReport, verifyAudit } from '../../../shared/audit/verify.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { collect } from '../../support/collect.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

const EVENTS = 60;
const clock = new FakeClock();
let bastion: NodeIdentity;
let other: NodeIdentity;
let events: readonly AuditEvent[];
let foreignEvents: readonly AuditEvent[];
/** The last checkpoint, as a witness keeps it. */
let witnessed: string;

beforeAll(async () => {
  const directories = [createTemporaryDirectory(), createTemporaryDirectory()] as const;
  bastion = await createNodeIdentity(directories[0].path, 'bastion', 'acme');
  other = await createNodeIdentity(directories[1].path, 'bastion', 'rival');
  ({ events, witnessed } = await writeLog(directories[0].path, bastion));
  ({ events: foreignEvents } = await writeLog(directories[1].path, other));
  return () => {
    for (const { remove } of directories) remove();
  };
});

/** A log with a checkpoint after every tenth event, and one more at its end. */
async function writeLog(directory: string, identity: NodeIdentity) {
  const log = await AuditLog.open(directory, { identity, clock, log: silentLogger() });
  for (let i = 0; i < EVENTS; i += 1) {
    clock.advance(1000);
    const session = `s${i % 7}`;
    if (i % 5 === 0) {
      const recording = { path: `${session}/${i}.cast`, sha256: `digest of ${i}`, size: i };
      await log.append({ type: 'recording.closed', actor: 'system', session, ...recording });
    } else
      await log.append({ type: 'exec.started', actor: 'operator:alice', session, command: `command ${i}` });
    if (i % 10 === 9) await log.checkpoint();
  }
  await log.append({ type: 'access.turned_off', actor: 'admin:carol' });
  const { note } = await log.checkpoint();
  const all = await collect(log.all());
  await log.close();
  return { events: all, witnessed: note };
}

function verify(list: readonly AuditEvent[], options: { checkpoints?: string[]; resigned?: boolean } = {}) {
  return verifyAudit({
    events: (async function* () {
      yield* list;
    })(),
    checkpoints: options.checkpoints ?? [],
    publicJwk: bastion.publicJwk,
    recordings: async (path) => `digest of ${/\d+(?=\.cast)/.exec(path)?.[0]}`,
  });
}

/** What somebody without the key can do at most: link everything anew after a change. */
function relinked(list: readonly AuditEvent[]): AuditEvent[] {
  let prev = '0'.repeat(64);
  return list.map((event, index) => {
    const linked = { ...event, seq: index + 1, prev };
    prev = hashEvent(linked);
    return { ...linked, hash: prev };
  });
}

const at = (seq: number): AuditEvent => {
  const event = events[seq - 1];
  if (event === undefined) throw new Error(`no event ${seq}`);
  return event;
};
const without = (...seqs: number[]) => events.filter(({ seq }) => !seqs.includes(seq));
const withEvent = (seq: number, event: AuditEvent) => events.map((old) => (old.seq === seq ? event : old));
const faultsOf = (report: VerifyReport) => report.lines.filter(({ ok }) => !ok).map(({ text }) => text);

describe('the verification of a log', () => {
  it('finds nothing wrong with a log that nobody touched, and counts what it saw', async () => {
    const report = await verify(events, { checkpoints: [witnessed] });
    expect(report).toEqual({
      ok: true,
      events: 68,
      head: at(68).hash,
      checkpoints: 8,
      unsigned: 0,
      recordings: 12,
      lines: [
        { ok: true, text: '68 events unchanged and linked without a gap.' },
        { ok: true, text: `8 checkpoints signed with the key ${bastion.thumbprint} fit the events.` },
        { ok: true, text: '12 recordings unchanged.' },
      ],
    });
  });

  it('counts the events that no checkpoint covers yet', async () => {
    const lastCovered = events.map(({ type }) => type).lastIndexOf('checkpoint.signed');
    const report = await verify(events.slice(0, lastCovered));
    expect(report.ok).toBe(true);
    expect(report.unsigned).toBeGreaterThan(0);
    expect(report.lines[1]?.text).toContain(`The last ${report.unsigned + 1} events are not signed yet`);
  });

  it('takes an empty log for what it is', async () => {
    expect(await verify([])).toMatchObject({ ok: true, events: 0, head: '0'.repeat(64) });
  });

  it('names the event that was edited', async () => {
    const report = await verify(withEvent(23, { ...at(23), command: 'something else' }));
    expect(report.firstFault).toEqual({ seq: 23, text: 'event 23 was changed after it was stored' });
    expect(faultsOf(report)).toEqual(['Event 23 was changed after it was stored.']);
  });

  it('names the event whose edit was covered up by a new hash, by the link behind it', async () => {
    const edited = { ...at(23), command: 'something else' };
    const report = await verify(withEvent(23, { ...edited, hash: hashEvent(edited) }));
    expect(report.firstFault).toEqual({ seq: 24, text: 'event 24 does not follow on the event before it' });
  });

  it('names the events that were deleted', async () => {
    expect((await verify(without(23))).firstFault?.text).toBe('event 23 is missing');
    expect((await verify(without(23, 24, 25))).firstFault?.text).toBe('events 23 to 25 are missing');
    expect((await verify(without(1))).firstFault?.text).toBe('event 1 is missing');
  });

  it('names the place where an event was put in, or two were exchanged', async () => {
    const inserted = [...events.slice(0, 22), { ...at(5), seq: 23 }, ...events.slice(22)];
    expect((await verify(inserted)).firstFault).toEqual({
      seq: 23,
      text: 'event 23 was changed after it was stored',
    });
    const repeated = [...events.slice(0, 23), at(23), ...events.slice(23)];
    expect((await verify(repeated)).firstFault?.text).toBe('event 23 stands where event 24 should be');
    const exchanged = withEvent(23, at(24)).map((event, index) => (index === 23 ? at(23) : event));
    expect((await verify(exchanged)).firstFault?.text).toBe('event 23 is missing');
  });

  it('finds the end cut off only through a checkpoint that was kept elsewhere', async () => {
    const cut = events.slice(0, 50);
    expect((await verify(cut)).ok).toBe(true);
    expect((await verify(cut, { checkpoints: [witnessed] })).firstFault).toEqual({
      seq: 51,
      text: 'the log ends after event 50, and a signed checkpoint speaks of 67 events and of itself behind them: the end was cut off',
    });
    for (const length of [0, 66, 67]) {
      expect((await verify(events.slice(0, length), { checkpoints: [witnessed] })).ok).toBe(false);
    }
  });

  it('finds history that was rewritten and linked anew, by the next checkpoint in the log', async () => {
    const rewritten = relinked(withEvent(25, { ...at(25), command: 'nothing to see' }));
    const report = await verify(rewritten);
    expect(report.firstFault).toEqual({
      seq: 22,
      text: 'events 22 to 32 are not those that were there when the checkpoint over them was signed',
    });
    expect((await verify(relinked(without(25)))).ok).toBe(false);
  });

  it('finds history that was rewritten without any checkpoint, by one that was kept elsewhere', async () => {
    const bare = relinked(events.filter(({ type }) => type !== 'checkpoint.signed'));
    expect((await verify(bare)).ok).toBe(true);
    expect((await verify(bare, { checkpoints: [witnessed] })).ok).toBe(false);
    const asLong = relinked([...bare, ...bare.slice(0, 20)]);
    expect((await verify(asLong, { checkpoints: [witnessed] })).firstFault?.text).toMatch(
      /^events 1 to 67 are not/,
    );
  });

  it('is not taken in by the log of another bastion, or by its checkpoints', async () => {
    const report = await verify(foreignEvents);
    expect(report.firstFault).toEqual({
      seq: 11,
      text: `the checkpoint in event 11: This checkpoint is not valid: it is about the log of ${other.id}, which has another key.`,
    });
    expect((await verify(events, { checkpoints: ['nonsense'] })).ok).toBe(false);
  });

  it('names recordings that are missing, changed or exchanged', async () => {
    const check = (recordings: (path: string) => Promise<string | undefined>) =>
      verifyAudit({
        events: (async function* () {
          yield* events;
        })(),
        checkpoints: [],
        publicJwk: bastion.publicJwk,
        recordings,
      });
    const missing = await check(async () => undefined);
    expect(missing.firstFault).toEqual({ seq: 1, text: 'the recording s0/0.cast (event 1) is missing' });
    expect(faultsOf(missing)).toHaveLength(12);
    const changed = await check(async (path) =>
      path.startsWith('s5/5.') ? 'other' : `digest of ${/\d+(?=\.)/.exec(path)?.[0]}`,
    );
    expect(faultsOf(changed)).toEqual(['The recording s5/5.cast (event 6) was changed after it was closed.']);
    const unreadable = await check(async () => Promise.reject(new Error('EIO')));
    expect(unreadable.firstFault?.text).toContain('EIO');
  });

  it('says when the clock went back, without calling it a fault', async () => {
    const late = relinked(
      events.slice(0, 9).map((e, i) => (i === 4 ? { ...e, time: '2020-01-01T00:00:00.000Z' } : e)),
    );
    expect((await verify(late)).lines[0]).toEqual({
      ok: true,
      text: '9 events unchanged and linked without a gap. The clock went back 1 time, first at event 5.',
    });
  });

  it('reports, and does not throw, when the events can not be read or are none', async () => {
    const torn = await verifyAudit({
      events: (async function* () {
        yield* events.slice(0, 3);
        throw new SyntaxError('Unexpected end of JSON input');
      })(),
      checkpoints: [],
      publicJwk: bastion.publicJwk,
    });
    expect(torn.firstFault).toEqual({ seq: 4, text: 'after event 3: Unexpected end of JSON input' });
    for (const value of ['null', '7', '[]', '{}', '{"seq":"1"}']) {
      expect((await verify(JSON.parse(`[${value}]`))).firstFault?.text).toBe(
        'event 1 is not readable as an event',
      );
    }
    const odd: AuditEvent[] = JSON.parse(JSON.stringify(withEvent(3, { ...at(3), command: '\ud800' })));
    expect((await verify(odd)).firstFault?.seq).toBe(3);
  });

  it('finds each of 300 random single changes', async () => {
    const random = randomNumbers(20260101);
    const pick = (n: number) => Math.floor(random() * n);
    const mutations: readonly (() => readonly AuditEvent[])[] = [
      () => withEvent(1 + pick(68), mutated(at(1 + pick(68)), pick)),
      () => without(1 + pick(68)),
      () => {
        const place = pick(69);
        return [...events.slice(0, place), at(1 + pick(68)), ...events.slice(place)];
      },
      () => {
        const [a, b] = [1 + pick(68), 1 + pick(68)];
        return events.map((event) => (event.seq === a ? at(b) : event.seq === b ? at(a) : event));
      },
      () => events.slice(0, pick(67)),
      () => relinked(withEvent(1 + pick(66), mutated(at(1 + pick(66)), pick))),
      () => withEvent(1 + pick(68), foreignEvents[pick(68)] ?? at(1)),
    ];
    const untouched = JSON.stringify(events);
    let tried = 0;
    for (let i = 0; i < 300; i += 1) {
      const changed = mutations[i % mutations.length]?.() ?? events;
      if (JSON.stringify(changed) === untouched) continue;
      tried += 1;
      const report = await verify(changed, { checkpoints: [witnessed] });
      if (report.ok) throw new Error(`mutation ${i} was not found`);
      expect(report.firstFault?.text).toBeTruthy();
    }
    expect(tried).toBeGreaterThan(280);
  });
});

function mutated(event: AuditEvent, pick: (n: number) => number): AuditEvent {
  const changes: Record<string, unknown>[] = [
    { command: `other ${pick(1000)}` },
    { actor: 'operator:mallory' },
    { session: undefined },
    { time: '2029-12-31T00:00:00.000Z' },
    { extra: true },
    { sha256: 'digest of something else' },
    { hash: 'f'.repeat(64) },
    { prev: 'f'.repeat(64) },
    { seq: event.seq + 1 },
  ];
  return JSON.parse(JSON.stringify({ ...event, ...changes[pick(changes.length)] }));
}

/** Numbers from 0 to 1, the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
