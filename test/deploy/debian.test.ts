import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

// Elsewhere than on Debian and its kin there is nothing to make the package with.
describe.runIf(has('dpkg-deb') && has('dpkg'))('the Debian package', () => {
  let folder: string;
  let unpacked: string;
  let file: string;
  beforeAll(() => {
    const temporary = createTemporaryDirectory();
    folder = temporary.path;
    unpacked = join(folder, 'unpacked');
    const made = run(process.execPath, ['tools/deb.mjs', folder, '--uncompressed']);
    file = made.stdout.trim();
    run('dpkg-deb', ['--raw-extract', file, unpacked]);
    return temporary.remove;
  }, 120_000);

  function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const result = spawnSync(program, args, {
      cwd: root,
      encoding: 'utf8',
      env,
      timeout: 110_000,
      maxBuffer: 1 << 26,
    });
    expect(result.status, result.stderr).toBe(0);
    return result;
  }

  it('holds the program with what it needs at run time, belongs to root, and nothing of the workshop', () => {
    const listed = run('dpkg-deb', ['--contents', file]).stdout.trimEnd().split('\n');
    for (const line of listed) expect(line).toMatch(/^\S+ root\/root /);
    const paths = listed.map((line) => line.replace(/^.*? \.\//, './'));
    expect(
      paths.filter((path) => /node_modules\/(vitest|typescript|vite|fast-check|@biomejs)\//.test(path)),
    ).toEqual([]);
    expect(
      paths.filter((path) =>
        /^\.\/(?!usr\/(lib|bin|share\/doc|share\/man)\/|usr\/$|usr\/(lib|bin|share)\/$|$)/.test(path),
      ),
    ).toEqual([]);
    expect(readFileSync(join(unpacked, 'DEBIAN/control'), 'utf8')).toMatch(
      /^Depends: nodejs \(>= 20\.19\)$/m,
    );
    expect(paths).toContain('./usr/share/man/man1/drawbridge-bastion.1.gz');
    expect(lstatSync(join(unpacked, 'usr/bin/drawbridge')).isSymbolicLink()).toBe(true);
    // Others must be able to read it: services run as an account of their own.
    expect(lstatSync(join(unpacked, 'usr/lib/drawbridge/dist/cli/main.js')).mode & 0o777).toBe(0o755);
  });

  it('runs from where it is put, with no other package at hand', () => {
    const command = join(unpacked, 'usr/bin/drawbridge');
    const clean = { PATH: process.env['PATH'], HOME: folder };
    expect(run(command, ['--version'], clean).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const made = run(
      command,
      ['bastion', 'init', '--dir', join(folder, 'bastion'), '--name', 'acme', '--json'],
      clean,
    );
    expect(JSON.parse(made.stdout)).toMatchObject({ publicUrl: 'https://localhost' });
    expect(existsSync(join(folder, 'bastion', 'data', 'audit.db'))).toBe(true);
  });

  it.each(['postinst', 'prerm', 'postrm'])(
    'has a %s that a shell takes, and that removes no evidence',
    (script) => {
      const path = join(unpacked, 'DEBIAN', script);
      expect(lstatSync(path).mode & 0o777).toBe(0o755);
      run('sh', ['-n', path]);
      expect(readFileSync(path, 'utf8')).not.toMatch(/\brm\b|--purge/);
    },
  );
});
