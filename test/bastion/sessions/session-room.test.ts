import { expect, test } from 'vitest';
import { Session } from '../../../bastion/sessions/session.ts';
import { OPERATOR_SESSIONS_MAX, SessionRoom } from '../../../bastion/sessions/session-room.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function sessionsOf(...operators: string[]): Session[] {
  return operators.map(
    (operator, index) =>
      new Session({
        id: `s-${index}`,
        operator,
        groups: [],
        amr: [],
        host: 'web-1',
        login: 'deploy',
        passId: `p-${index}`,
        startedAt: '2030-01-01T12:00:00.000Z',
      }),
  );
}

test('the policy bounds the sessions of one operator and of all, within what the machine holds', () => {
  const room = new SessionRoom(new FakeClock());
  const live = sessionsOf('alice', 'alice', 'bob');
  expect(room.refusal('alice', live, {})).toBeUndefined();
  expect(room.refusal('alice', live, { sessions: 3, sessionsTotal: 4 })).toBeUndefined();
  expect(room.refusal('alice', live, { sessions: 2 })).toContain('2 sessions open');
  expect(room.refusal('bob', live, { sessions: 2 })).toBeUndefined();
  expect(room.refusal('bob', live, { sessionsTotal: 3 })).toContain('3 sessions at once');
  const many = sessionsOf(...Array.from({ length: OPERATOR_SESSIONS_MAX }, () => 'alice'));
  expect(room.refusal('alice', many, { sessions: 5000 })).toContain('one operator may have');
});

test('new sessions are counted over a minute that moves along, for each operator by itself', () => {
  const clock = new FakeClock();
  const room = new SessionRoom(clock);
  const limits = { newPerMinute: 2 };
  room.started('alice');
  clock.advance(40_000);
  room.started('alice');
  expect(room.refusal('alice', [], limits)).toContain('2 new sessions a minute');
  expect(room.refusal('bob', [], limits)).toBeUndefined();
  // Setting the clock does not help.
  clock.jumpTo(clock.nowMs() + 3_600_000);
  expect(room.refusal('alice', [], limits)).toBeDefined();
  clock.advance(20_000);
  expect(room.refusal('alice', [], limits)).toBeUndefined();
});
