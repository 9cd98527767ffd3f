import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { startTypeScriptChild } from '../support/inline-child.ts';

/** What a process that runs `statements` with a logger writes to its standard error. */
async function logged(format: 'pretty' | 'json', statements: string): Promise<string> {
  // The child's standard error is turned into its standard output, which is what the test reads.
  const child = await startTypeScriptChild(`
    import { spawnSync } from 'node:child_process';
    import { createLogger } from 'project/shared/log.ts';
    if (process.argv[2] === 'inner') {
      const log = createLogger({ role: 'bastion', level: 'info', format: '${format}' });
      ${statements}
      process.exit(0);
    }
    const { stderr } = spawnSync(process.execPath, [process.argv[1], 'inner']);
    process.stdout.write(stderr);
  `);
  const output = text(child.stdout);
  await once(child, 'exit');
  return output;
}

describe('the log', () => {
  it('takes secrets out, wherever they stand, and keeps the codes of errors', async () => {
    const output = await logged(
      'json',
      `log.info({ password: 'hunter2', code: '123456', body: { token: 'hunter2', deep: { privateKey: 'hunter2' } } }, 'one');
       log.warn({ code: 'tunnel.refused', error: { code: 'ECONNRESET' }, login: { code: '654 321' } }, 'two');
       log.debug('three');`,
    );
    const [one, two, three] = output.split('\n');
    expect(output).not.toMatch(/hunter2|123456|654 321/);
    expect(JSON.parse(one ?? '')).toMatchObject({ role: 'bastion', msg: 'one', password: '[redacted]' });
    expect(JSON.parse(two ?? '')).toMatchObject({ code: 'tunnel.refused', error: { code: 'ECONNRESET' } });
    expect(three).toBe('');
  });

  it('is for people where that is asked for, and is written even when the process ends at once', async () => {
    const output = await logged('pretty', `log.error({ port: 8443 }, 'the port is in use');`);
    expect(output).toContain('bastion: the port is in use');
    expect(output).toContain('8443');
    expect(output).not.toContain('{"level"');
  });

  it('can be silent', () => {
    expect(silentLogger().isLevelEnabled('fatal')).toBe(false);
  });
});
