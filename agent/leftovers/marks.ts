/** The variable that every process of a connection is started with. */
export const MARK_VARIABLE = 'DRAWBRIDGE_SESSION';

const ASSIGNMENT = Buffer.from(`${MARK_VARIABLE}=`);
const NUL = 0;

/**
 * A mark is far shorter, and a process of ours has one. An account may give its processes as many and as long ones as an
 * environment holds, and as many processes: of each, no more is kept than this. It can as well clear its environment.
 */
const MARK_LIMIT_BYTES = 128;
const MARKS_LIMIT = 4;

/** The values that an environment, as the kernel keeps it, gives {@link MARK_VARIABLE}: the first few, none too long to be one. */
export function marksIn(environment: Buffer | undefined): string[] {
  const marks: string[] = [];
  if (environment === undefined) return marks;
  for (let at = environment.indexOf(ASSIGNMENT); at >= 0; at = environment.indexOf(ASSIGNMENT, at + 1)) {
    if (at > 0 && environment[at - 1] !== NUL) continue;
    const start = at + ASSIGNMENT.length;
    const found = environment.indexOf(NUL, start);
    const end = found < 0 ? environment.length : found;
    if (end - start > MARK_LIMIT_BYTES) continue;
    marks.push(environment.toString('latin1', start, end));
    if (marks.length === MARKS_LIMIT) break;
  }
  return marks;
}
