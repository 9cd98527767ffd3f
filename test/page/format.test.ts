import { expect, test } from 'vitest';
import {
  actorWords,
  clockWords,
  countWords,
  durationWords,
  relativeWords,
  sizeWords,
} from '../../bastion/page/src/ui/format.ts';

test('durations are written in their two largest units', () => {
  expect([0, 59_999, 65_000, 7_800_000, 273_600_000].map(durationWords)).toEqual([
    '0 s',
    '59 s',
    '1 min 05 s',
    '2 h 10 min',
    '3 d 4 h',
  ]);
});

test('distances in time say their direction, and clocks that differ a little do not matter', () => {
  const now = 1_000_000_000;
  expect(relativeWords(now - 4 * 60_000, now)).toBe('4 min ago');
  expect(relativeWords(now + 7_800_000, now)).toBe('in 2 h 10 min');
  expect(relativeWords(now + 3_000, now)).toBe('just now');
  expect(relativeWords(now + 8_000, now)).toBe('in a moment');
});

test('places in a recording read like a clock', () => {
  expect([4.9, 62, 3_727].map(clockWords)).toEqual(['0:04', '1:02', '1:02:07']);
});

test('sizes have one decimal below ten', () => {
  expect([812, 1_440, 41_300_000_000].map(sizeWords)).toEqual(['812 B', '1.4 kB', '41 GB']);
});

test('counts agree with their noun', () => {
  expect([countWords(1, 'session'), countWords(2, 'session')]).toEqual(['1 session', '2 sessions']);
});

test('actors are named as people would name them', () => {
  expect(['admin:carol', 'local:root', 'token:ci', 'system', 'agent:web:1'].map(actorWords)).toEqual([
    'carol',
    'root, on the machine',
    'API token ci',
    'the bastion itself',
    'web:1',
  ]);
});
