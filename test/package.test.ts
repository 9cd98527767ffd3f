import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const root = fileURLToPath(new URL('..', import.meta.url));
const packed = z.array(
  z.object({ files: z.array(z.object({ path: z.string() })), unpackedSize: z.number() }),
);
const manifest = z.object({ man: z.array(z.string()) });

describe('the package', () => {
  it('holds the command, the roles, the page and the papers, and nothing of the workshop', () => {
    // What `prepack` does is what the build has done before the tests.
    const run = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(run.status, run.stderr).toBe(0);
    const [content] = packed.parse(JSON.parse(run.stdout));
    const paths = content?.files.map((file) => file.path) ?? [];
    for (const needed of [
      'dist/cli/main.js',
      'dist/proxy/main.js',
      'dist/bastion/main.js',
      'dist/agent/main.js',
      'dist/page/index.html',
      'README.md',
      'LICENSE',
      'THIRD-PARTY.md',
    ]) {
      expect(paths).toContain(needed);
    }
    expect(paths.filter((path) => /^(dist\/)?(test|bench|tools)\/|\.ts$|tsbuildinfo/.test(path))).toEqual([]);
  });

  it('has each manual page where npm links it', () => {
    const { man } = manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    expect(man).toEqual(readdirSync(join(root, 'docs/man')).map((name) => `docs/man/${name}`));
  });

  it('brings along nothing that wants a newer Node.js than it does itself', () => {
    const run = spawnSync('npm', ['ci', '--dry-run', '--offline', '--engine-strict', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(run.stderr).not.toContain('Not compatible');
    expect(run.status, run.stderr).toBe(0);
  });

  it('lists the licences of all that it brings along', () => {
    const run = spawnSync(process.execPath, ['tools/third-party.mjs', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
  });
});
