import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Runs a TypeScript program of a few lines in a process of its own, for tests that kill it or need a second
 * process. `project/` at the start of an import is the project's root. Ends with the test.
 */
export async function startTypeScriptChild(
  source: string,
  nodeFlags: readonly string[] = [],
): Promise<ChildProcess & { stdout: NodeJS.ReadableStream }> {
  const { build } = await import('vite');
  const artifacts = join(ROOT, '.artifacts');
  mkdirSync(artifacts, { recursive: true });
  // Inside the project, so that the packages are found.
  const directory = mkdtempSync(join(artifacts, 'child-'));
  const entry = join(directory, 'entry.ts');
  writeFileSync(entry, source);
  await build({
    configFile: false,
    logLevel: 'error',
    root: ROOT,
    resolve: { alias: { project: ROOT } },
    build: {
      ssr: entry,
      outDir: directory,
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'child.mjs' } },
    },
  });
  const child = spawn(process.execPath, [...nodeFlags, join(directory, 'child.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const gone = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    rmSync(directory, { recursive: true, force: true });
  });
  return child;
}
