import { expect, test } from 'vitest';
import { Session } from '../../../bastion/sessions/session.ts';
import { SessionUpkeep, UPKEEP_MS } from '../../../bastion/sessions/session-upkeep.ts';
import { isoTime } from '../../../shared/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const HOUR_MS = 3_600_000;

function liveSession(clock: FakeClock): Session {
  return new Session({
    ...{ id: 's-1', operator: 'alice', groups: [], amr: [], host: 'web-1', login: 'root', passId: 'p' },
    startedAt: isoTime(clock),
  });
}

test('a session ends with its login also when the calendar jumps past it, as after a sleep of the machine', () => {
  const clock = new FakeClock();
  const session = liveSession(clock);
  session.ends = { loginMs: clock.nowMs() + 8 * HOUR_MS };
  const upkeep = new SessionUpkeep({ sessions: () => [session], gateClosesAtMs: () => undefined, clock });
  clock.advance(UPKEEP_MS);
  expect(session.phase.kind).toBe('live');
  clock.jumpTo(clock.nowMs() + 8 * HOUR_MS);
  clock.advance(UPKEEP_MS);
  expect(session.phase).toMatchObject({ kind: 'ending', ending: { code: 'login.expired' } });
  upkeep.close();
});

test('a forward in which bytes move is not idle, and is when they no longer do', () => {
  const clock = new FakeClock();
  const session = liveSession(clock);
  session.limits = { idleMs: 10_000, transfers: { up: true, down: true } };
  session.channelOpened({ number: 1, action: { kind: 'forward', host: '127.0.0.1', port: 80 } });
  const upkeep = new SessionUpkeep({ sessions: () => [session], gateClosesAtMs: () => undefined, clock });
  for (let at = 0; at < 60; at += 1) {
    session.count(at % 2 === 0 ? 'in' : 'out', 1);
    clock.advance(1000);
  }
  expect(session.phase.kind).toBe('live');
  clock.advance(9_000);
  expect(session.phase.kind).toBe('live');
  clock.advance(2_000);
  expect(session.phase).toMatchObject({ kind: 'ending', ending: { code: 'policy.idle' } });
  upkeep.close();
});
