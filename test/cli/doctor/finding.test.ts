import { describe, expect, it } from 'vitest';
import { check, type Finding, runChecks } from '../../../cli/doctor/finding.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';

describe('checks', () => {
  it('go on after one that fails, and keep its sentence and hint', async () => {
    const seen: Finding[] = [];
    const findings = await runChecks(
      [
        check('first', async () => {
          throw new DrawbridgeError('some.fault', 'It is broken.', { hint: 'Mend it.' });
        }),
        check('second', async () => [{ state: 'ok', text: 'Fine.' }]),
      ],
      new AbortController().signal,
      (finding) => seen.push(finding),
    );
    expect(findings).toEqual([
      { check: 'first', state: 'fail', text: 'It is broken.', hint: 'Mend it.' },
      { check: 'second', state: 'ok', text: 'Fine.' },
    ]);
    expect(seen).toEqual(findings);
  });

  it('end at once when they are interrupted, the one that hangs as a failure', async () => {
    const abort = new AbortController();
    const hangs = check('hangs', () => {
      abort.abort();
      return new Promise(() => undefined);
    });
    const never = check('never', async () => [{ state: 'ok', text: 'Not reached.' }]);
    const findings = await runChecks([hangs, never], abort.signal, () => undefined);
    expect(findings).toMatchObject([{ check: 'hangs', state: 'fail' }]);
  });
});
