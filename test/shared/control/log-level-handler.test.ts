import { describe, expect, it } from 'vitest';
import { logLevelHandler } from '../../../shared/control/log-level-handler.ts';
import { createLogger } from '../../../shared/log.ts';

const context = { signal: new AbortController().signal, actor: 'local:root' } as const;

describe('the level of a log', () => {
  it('is told, and changed at once', async () => {
    const log = createLogger({ role: 'bastion', level: 'error', format: 'json' });
    const handler = logLevelHandler(log)['log.level'];
    expect(await handler?.({}, context)).toEqual({ level: 'error', before: 'error' });
    expect(await handler?.({ level: 'fatal' }, context)).toEqual({ level: 'fatal', before: 'error' });
    expect(log.isLevelEnabled('error')).toBe(false);
  });

  it('is none that there is not', async () => {
    const log = createLogger({ role: 'bastion', level: 'error', format: 'json' });
    const handler = logLevelHandler(log)['log.level'];
    await expect(handler?.({ level: 'loud' }, context)).rejects.toMatchObject({ code: 'usage.params' });
    expect(log.level).toBe('error');
  });
});
