import { describe, expect, it } from 'vitest';
import { lastWordsIn } from '../../../cli/service/system.ts';

describe('the last words of a role', () => {
  it('are its last error, with the hint that follows it', () => {
    const journal = [
      'drawbridge: error: An older one. [a.code]',
      'drawbridge: hint: An older hint.',
      'drawbridge: error: Port 443 is in use. [listen.in_use]',
      'drawbridge: hint: Stop that program.',
      'drawbridge-bastion.service: Main process exited, code=exited, status=1/FAILURE',
    ];
    expect(lastWordsIn(journal.join('\n'))).toEqual({
      sentence: 'Port 443 is in use. [listen.in_use]',
      hint: 'Stop that program.',
    });
    expect(lastWordsIn(journal.slice(2, 3).join('\n'))).toEqual({
      sentence: 'Port 443 is in use. [listen.in_use]',
    });
    expect(lastWordsIn('Started drawbridge-bastion.service.')).toBeUndefined();
  });
});
