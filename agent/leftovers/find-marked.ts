import type { MarkedEntry, ProcessLook } from './process-looks.ts';

/**
 * Ids of all processes in `look` that belong to `mark`: those of `known`, those whose environment carries it, and
 * whatever is related to one of these: descendants, members of the same session (setsid), of the same audit session. So
 * a daemon is found that has put off its environment, its parent or its session, unless it has put off all of them.
 *
 * @param mark the variable's value, or how it begins; `.` at its end: of all connections of an agent that is gone, whose
 *   audit session may have been that of an administrator, so that it says nothing
 * @param own the agent and the processes above it, which are never among them
 */
export function findMarked(
  look: ProcessLook,
  mark: string,
  known: readonly number[],
  own: ReadonlySet<number>,
): number[] {
  const others = look.entries.filter(({ pid }) => !own.has(pid));
  const given = new Set(known);
  const found = new Map<number, MarkedEntry>();
  for (const entry of others) {
    if (given.has(entry.pid) || entry.marks.some((value) => value.startsWith(mark)))
      found.set(entry.pid, entry);
  }
  if (found.size === 0) return [];
  const ofAgent = look.auditSessionOf(process.pid);
  const isWholeAgent = mark.endsWith('.');
  const auditOf = (pid: number): string | undefined => {
    const session = look.auditSessionOf(pid);
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
