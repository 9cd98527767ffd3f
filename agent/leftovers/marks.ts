/** The variable that every process of a connection is started with. */
export const MARK_VARIABLE = 'DRAWBRIDGE_SESSION';

const ASSIGNMENT = Buffer.from(`${MARK_VARIABLE}=`);
const NUL = 0;

/** All values that an environment, as the kernel keeps it, gives {@link MARK_VARIABLE}. */
export function marksIn(environment: Buffer | undefined): string[] {
  const marks: string[] = [];
  if (environment === undefined) return marks;
  for (let at = environment.indexOf(ASSIGNMENT); at >= 0; at = environment.indexOf(ASSIGNMENT, at + 1)) {
    if (at > 0 && environment[at - 1] !== NUL) continue;
    const end = environment.indexOf(NUL, at);
    marks.push(environment.toString('latin1', at + ASSIGNMENT.length, end < 0 ? undefined : end));
  }
  return marks;
}
