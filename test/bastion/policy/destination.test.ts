import { describe, expect, test } from 'vitest';
import { matchesDestination, parseDestination } from '../../../bastion/policy/destination.ts';

function allows(pattern: string, host: string, port: number): boolean {
  const parsed = parseDestination(pattern);
  if (parsed === undefined) throw new Error(`${pattern} is no pattern`);
  return matchesDestination(parsed, host, port);
}

describe('a forward destination of the policy', () => {
  test.each([
    ['localhost:5432', 'LOCALHOST', 5432],
    ['*.internal:443', 'db.eu.internal', 443],
    ['10.0.0.*:22', '10.0.0.7', 22],
    ['10.*:*', '10.1.2.3', 65_535],
    ['[fd00:*]:443', 'fd00::1', 443],
    ['db-*:5432', 'db-1', 5432],
    ['db-*.corp:5432', 'db-1.corp', 5432],
    ['*:8000-8099', 'anything.example', 8050],
  ])('%s takes %s:%i', (pattern, host, port) => {
    expect(allows(pattern, host, port)).toBe(true);
  });

  test.each([
    ['10.0.0.*:22', '10.0.0.example.com', 22],
    ['10.*:22', '10.evil.example', 22],
    ['1*:22', '1.example.com', 22],
    ['[fd00:*]:443', 'fd00:evil', 443],
    ['10.*:22', '10.0.0.256', 22],
    ['10.*:22', '10.0.0.1.', 22],
    ['10.*:22', '10.1', 22],
    ['db-*:5432', 'db-1.example.com', 5432],
    ['*.internal:443', 'internal.example.com', 443],
    ['*.internal:443', 'xinternal', 443],
    ['localhost:5432', 'localhost.example.com', 5432],
    ['localhost:5432', 'localhost', 5433],
  ])('%s does not take %s:%i, which somebody else may have named', (pattern, host, port) => {
    expect(allows(pattern, host, port)).toBe(false);
  });

  test.each(['', 'host', 'host:', 'host:0', 'host:9-8', 'host:65536', 'a b:1', '[::1:1', 'x;y:1'])(
    '%j is none',
    (text) => {
      expect(parseDestination(text)).toBeUndefined();
    },
  );
});
