import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DrawbridgeError, isDrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';

describe('an error of Drawbridge', () => {
  it('has a code to match on, a sentence, and a hint and a cause where there are any', () => {
    const cause = new Error('inner');
    const error = new DrawbridgeError('config.invalid', 'It is wrong.', { hint: 'Mend it.', cause });
    expect(error).toMatchObject({ code: 'config.invalid', message: 'It is wrong.', hint: 'Mend it.', cause });
    expect(new DrawbridgeError('a.b', 'x').hint).toBeUndefined();
    expect('cause' in new DrawbridgeError('a.b', 'x')).toBe(false);
    expect(isDrawbridgeError(error)).toBe(true);
    expect(isDrawbridgeError(error, 'config.invalid')).toBe(true);
    expect(isDrawbridgeError(error, 'other')).toBe(false);
    expect(isDrawbridgeError({ code: 'config.invalid' })).toBe(false);
  });

  it('is told from errors of the system and from anything else that is thrown', () => {
    let thrown: unknown;
    try {
      readFileSync('/does/not/exist');
    } catch (error) {
      thrown = error;
    }
    expect(systemCodeOf(thrown)).toBe('ENOENT');
    expect(systemCodeOf('ENOENT')).toBeUndefined();
    expect(systemCodeOf({ code: 7 })).toBeUndefined();
    expect(messageOf(thrown)).toContain('no such file');
    expect(messageOf('text')).toBe('text');
  });
});
