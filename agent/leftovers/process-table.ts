import { readdirSync, readFileSync } from 'node:fs';

/** One process of this host, as the kernel tells of it. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Id of its session (setsid(2)). */
  readonly session: number;
  /** Clock ticks from the start of the machine to its own. */
  readonly startedTicks: number;
}

/** What stands for "no audit session" in /proc. */
const UNSET_AUDIT_SESSION = '4294967295';

/** Fields of /proc/PID/stat behind the name in parentheses, which may hold anything. */
const STATE = 0;
const PARENT = 1;
const SESSION = 3;
const STARTED = 19;

/** Ids of all processes. */
export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** One process; undefined when there is none of that id, or it only waits to be reaped. */
export function readEntry(pid: number): ProcessEntry | undefined {
  const text = readProc(pid, 'stat')?.toString('latin1');
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields[STATE] === 'Z' || fields[STATE] === 'X') return undefined;
  const [parent, session, startedTicks] = [PARENT, SESSION, STARTED].map((index) => Number(fields[index]));
  if (parent === undefined || session === undefined || startedTicks === undefined) return undefined;
  return { pid, parent, session, startedTicks };
}

/** The environment that a process was started with; undefined when it can't be read. */
export function readEnvironment(pid: number): Buffer | undefined {
  return readProc(pid, 'environ');
}

/** The kernel's audit session of a process, which is inherited and can't be put off; undefined when there is none. */
export function readAuditSession(pid: number): string | undefined {
  const text = readProc(pid, 'sessionid')?.toString('latin1').trim();
  return text === UNSET_AUDIT_SESSION || text === '' ? undefined : text;
}

function readProc(pid: number, file: string): Buffer | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch {
    // It has ended, or is not for us to see.
    return undefined;
  }
}
