import { expect, it } from 'vitest';
import { findMarked } from '../../../agent/leftovers/find-marked.ts';
import type { ProcessLook } from '../../../agent/leftovers/process-looks.ts';

type Told = readonly [
  pid: number,
  parent: number,
  session: number,
  marks?: readonly string[],
  audit?: string,
];

function lookAt(...told: readonly Told[]): ProcessLook {
  const audits = new Map(told.map(([pid, , , , audit]) => [pid, audit]));
  return {
    entries: told.map(([pid, parent, session, marks = []]) => ({
      pid,
      parent,
      session,
      startedTicks: 1,
      marks,
    })),
    auditSessionOf: (pid) => audits.get(pid),
  };
}

const NONE = new Set<number>();

it('finds who carries the mark, their descendants and the members of their sessions, and nobody else', () => {
  const look = lookAt(
    [10, 1, 10, ['here.a']],
    [11, 10, 11],
    [12, 11, 12],
    [13, 1, 12],
    [20, 1, 20, ['here.b']],
    [21, 20, 20],
  );
  expect(findMarked(look, 'here.a', [], NONE)).toEqual([10, 11, 12, 13]);
  expect(findMarked(look, 'here.', [], NONE)).toEqual([10, 20, 11, 12, 21, 13]);
  expect(findMarked(look, 'here.c', [], NONE)).toEqual([]);
});

it('follows what is known of a control group, and an audit session that is not the agent’s', () => {
  const look = lookAt([10, 1, 10, [], '7'], [11, 1, 11, [], '7'], [12, 1, 12, [], '8']);
  expect(findMarked(look, 'here.a', [10], NONE)).toEqual([10, 11]);
  expect(findMarked(look, 'here.', [10], NONE)).toEqual([10]);
});

it('never finds the agent and those above it', () => {
  const look = lookAt([10, 1, 10, ['here.a']], [11, 10, 10]);
  expect(findMarked(look, 'here.a', [10], new Set([10, 11]))).toEqual([]);
});
