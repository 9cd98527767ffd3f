import { expect, test } from 'vitest';
import { Session } from '../../../bastion/sessions/session.ts';
import { isDrawbridgeError, messageOf } from '../../../shared/errors.ts';

function session(): Session {
  return new Session({
    id: 's-aaaaaaaaaaaaaaaa',
    operator: 'alice',
    groups: [],
    amr: [],
    host: 'web-1',
    login: 'deploy',
    passId: 'p',
    startedAt: '2030-01-01T00:00:00.000Z',
  });
}

test('what waits for a session that ends fails with the sentence of its end', () => {
  const ending = { code: 'access.off', message: 'Remote access is turned off.' };
  const ended = session();
  ended.end(ending);
  expect(isDrawbridgeError(ended.signal.reason, 'access.off')).toBe(true);
  expect(messageOf(ended.signal.reason)).toBe(ending.message);
});

test('the first reason to end counts', () => {
  const ended = session();
  ended.end({ code: 'access.off', message: 'first' });
  ended.end({ code: 'host.lost', message: 'second' });
  expect(ended.phase).toMatchObject({ kind: 'ending', ending: { message: 'first' } });
});
