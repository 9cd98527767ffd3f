import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LiveConfig } from '../../../shared/config/live-config.ts';

interface Config {
  readonly log: { readonly level: string; readonly format: string };
  readonly https: { readonly port: number };
  readonly hosts: readonly string[];
  readonly logins?: readonly string[];
}

const BEFORE: Config = { log: { level: 'info', format: 'auto' }, https: { port: 443 }, hosts: ['a'] };
const live = (config = BEFORE) => new LiveConfig<Config>(config, ['log.level', 'hosts', 'logins']);

describe('a configuration that is read anew', () => {
  it('is in force where it may be, and waits for the next start elsewhere', () => {
    const config = live();
    const next = { log: { level: 'debug', format: 'json' }, https: { port: 8443 }, hosts: ['a', 'b'] };
    expect(config.compare(next)).toEqual({
      taken: ['log.level', 'hosts'],
      waiting: ['log.format', 'https.port'],
    });
    expect(config.now).toBe(BEFORE);
    config.take(next);
    expect(config.now).toEqual({ ...BEFORE, log: { level: 'debug', format: 'auto' }, hosts: ['a', 'b'] });
    // What waits goes on waiting, and what was taken is not told again.
    expect(config.take(next)).toEqual({ taken: [], waiting: ['log.format', 'https.port'] });
  });

  it('takes over keys that come and keys that go', () => {
    const config = live();
    expect(config.take({ ...BEFORE, logins: ['deploy'] }).taken).toEqual(['logins']);
    expect(config.now.logins).toEqual(['deploy']);
    expect(config.take(BEFORE)).toEqual({ taken: ['logins'], waiting: [] });
    expect('logins' in config.now).toBe(false);
  });

  it('says nothing when nothing has changed', () => {
    expect(live().take(structuredClone(BEFORE))).toEqual({ taken: [], waiting: [] });
  });

  it('never changes what may not change, and afterwards differs from the file in nothing else', () => {
    const configs = fc.record(
      {
        log: fc.record({ level: fc.constantFrom('info', 'debug'), format: fc.constantFrom('auto', 'json') }),
        https: fc.record({ port: fc.integer({ min: 1, max: 3 }) }),
        hosts: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
        logins: fc.array(fc.constantFrom('x', 'y'), { maxLength: 1 }),
      },
      { requiredKeys: ['log', 'https', 'hosts'] },
    );
    fc.assert(
      fc.property(configs, configs, (before, after) => {
        const config = live(before);
        const { waiting } = config.take(after);
        expect(config.now.https).toEqual(before.https);
        expect(config.now.log.format).toBe(before.log.format);
        expect(config.compare(after)).toEqual({ taken: [], waiting });
      }),
    );
  });
});
