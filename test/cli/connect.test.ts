import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readPlainConnect } from '../../cli/connect.ts';
import { runDrawbridge } from '../support/demo.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('a plain connect', () => {
  it('is read without the rest of the command', () => {
    expect(readPlainConnect(['web-1.acme'])).toEqual({ host: 'web-1.acme' });
    expect(readPlainConnect(['--home', '/x', 'web-1.acme'])).toEqual({ host: 'web-1.acme', home: '/x' });
  });

  it.each([
    [[]],
    [['--help']],
    [['-h']],
    [['--home']],
    [['--home', '/x']],
    [['--home=/x', 'web-1.acme']],
    [['--home', '', 'web-1.acme']],
    [['web-1.acme', '--home', '/x']],
    [['web-1.acme', 'db-1.acme']],
    [['--home', '/x', 'web-1.acme', 'more']],
  ])('is not %j: that is for the whole command', (args) => {
    expect(readPlainConnect(args)).toBeUndefined();
  });

  it('comes as one file, and says what is wrong as every verb does', async () => {
    const built = fileURLToPath(new URL('../../dist/cli/connect.js', import.meta.url));
    expect(statSync(built).size).toBeGreaterThan(50_000);
    expect(readFileSync(built, 'utf8')).not.toMatch(/from\s*"(?!node:)/);
    const plain = await runDrawbridge(['connect', '--home', temporaryDirectory(), 'web-1.acme']);
    expect(plain).toMatchObject({ status: 1, stdout: '' });
    expect(plain.stderr).toContain('drawbridge: error: You are not signed in.');
    const help = await runDrawbridge(['connect', '--help']);
    expect(help).toMatchObject({ status: 0 });
    expect(help.stdout).toContain('ProxyCommand');
    expect(await runDrawbridge(['connect'])).toMatchObject({ status: 2 });
  });
});
