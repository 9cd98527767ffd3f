import { isDrawbridgeError, messageOf } from '../../shared/errors.ts';

/** A check that takes longer has failed. */
export const CHECK_TIMEOUT_MS = 30_000;

/** What one check found. */
export interface Finding {
  /** What was looked at: `dns`, `tls`, `disk`. */
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  /** One sentence. */
  readonly text: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** One thing to look at. It gives its findings, or throws: then it has failed, with the error's sentence. */
export interface Check {
  readonly name: string;
  /** How long it may take, when that is not {@link CHECK_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  run(signal: AbortSignal): Promise<readonly Finding[]>;
}

/** Builds a check whose findings carry its name. */
export function check(
  name: string,
  run: (signal: AbortSignal) => Promise<readonly Omit<Finding, 'check'>[]>,
  timeoutMs: number = CHECK_TIMEOUT_MS,
): Check {
  return {
    name,
    timeoutMs,
    run: async (signal) => (await run(signal)).map((finding) => ({ check: name, ...finding })),
  };
}

/** Runs checks one after the other, and hands over each finding as soon as it is there. */
export async function runChecks(
  checks: readonly Check[],
  signal: AbortSignal,
  onFinding: (finding: Finding) => void,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const one of checks) {
    if (signal.aborted) break;
    for (const finding of await findingsOf(one, signal)) {
      findings.push(finding);
      onFinding(finding);
    }
  }
  return findings;
}

async function findingsOf(one: Check, signal: AbortSignal): Promise<readonly Finding[]> {
  const limitMs = one.timeoutMs ?? CHECK_TIMEOUT_MS;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  let tooLate: () => void = () => undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    tooLate = () => {
      const text = `It did not end within ${limitMs / 1000} s.`;
      resolve([{ check: one.name, state: 'fail', text }]);
    };
    deadline.addEventListener('abort', tooLate, { once: true });
  });
  try {
    return await Promise.race([one.run(deadline), late]);
  } catch (error) {
    const hint = isDrawbridgeError(error) ? error.hint : undefined;
    return [
      { check: one.name, state: 'fail', text: messageOf(error), ...(hint === undefined ? {} : { hint }) },
    ];
  } finally {
    deadline.removeEventListener('abort', tooLate);
  }
}
