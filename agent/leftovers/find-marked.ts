import { type ProcessEntry, readAuditSession, readEnvironment } from './process-table.ts';

/** The variable that every process of a connection is started with. */
export const MARK_VARIABLE = 'DRAWBRIDGE_SESSION';

/** How {@link findMarked} learns what is not in the table; replaced in tests. */
export interface ProcessFacts {
  environment(pid: number): Buffer | undefined;
  auditSession(pid: number): string | undefined;
}

const KERNEL: ProcessFacts = { environment: readEnvironment, auditSession: readAuditSession };

/**
 * Ids of all processes in `table` that belong to `mark`: those of `known`, those whose environment carries it, and
 * whatever is related to one of these: descendants, members of the same session (setsid), of the same audit session. So
 * a daemon is found that has put off its environment, its parent or its session, unless it has put off all of them.
 *
 * @param mark the variable's value, or how it begins; `.` at its end: of all connections of an agent that is gone, whose
 *   audit session may have been that of an administrator, so that it says nothing
 * @param own the agent and the processes above it, which are never among them
 */
export function findMarked(
  table: readonly ProcessEntry[],
  mark: string,
  known: readonly number[],
  own: ReadonlySet<number>,
  facts: ProcessFacts = KERNEL,
): number[] {
  const others = table.filter(({ pid }) => !own.has(pid));
  const text = Buffer.from(`\0${MARK_VARIABLE}=${mark}`);
  const given = new Set(known);
  const found = new Map<number, ProcessEntry>();
  for (const entry of others) {
    if (given.has(entry.pid) || carries(facts.environment(entry.pid), text)) found.set(entry.pid, entry);
  }
  if (found.size === 0) return [];
  const ofAgent = facts.auditSession(process.pid);
  const isWholeAgent = mark.endsWith('.');
  const auditOf = (pid: number): string | undefined => {
    const session = facts.auditSession(pid);
    return isWholeAgent || session === ofAgent ? undefined : session;
  };
  const audits = new Map(others.map(({ pid }) => [pid, auditOf(pid)] as const));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    const sessions = new Set([...found.values()].map(({ session }) => session));
    const auditSessions = new Set([...found.keys()].map((pid) => audits.get(pid)));
    for (const entry of others) {
      const audit = audits.get(entry.pid);
      const related =
        found.has(entry.parent) ||
        (entry.session !== 0 && sessions.has(entry.session)) ||
        (audit !== undefined && auditSessions.has(audit));
      if (related) found.set(entry.pid, entry);
    }
  }
  return [...found.keys()];
}

function carries(environment: Buffer | undefined, text: Buffer): boolean {
  if (environment === undefined) return false;
  return environment.includes(text) || environment.subarray(0, text.length - 1).equals(text.subarray(1));
}
