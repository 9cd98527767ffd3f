import { expect, it } from 'vitest';
import { aboutText, secondOf } from '../../../bastion/search/recording-subject.ts';

it.each([
  ['2030-01-01T00:00:00.999Z', 1_893_456_000],
  ['1969-12-31T23:59:59.000Z', 0],
  ['no time', 0],
  ['', 0],
])('the second of %j is %d', (time, second) => {
  expect(secondOf(time)).toBe(second);
});

it('a recording is found by who, where and what, also where nothing was run by name', () => {
  const subject = { session: 's-1', channel: 0, startedAt: '2030-01-01T00:00:00.000Z' };
  const about = aboutText({ ...subject, operator: 'alice', host: 'web-1', login: 'ops', command: 'uptime' });
  for (const word of ['s-1', 'alice', 'web-1', 'ops', 'uptime']) expect(about.split(' ')).toContain(word);
  expect(aboutText({ ...subject, operator: 'alice', host: 'web-1', login: 'ops' })).not.toContain(
    'undefined',
  );
});
