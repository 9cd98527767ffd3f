import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** Makes one of the project's programs runnable by Node. `entry` is its path from the root. */
export async function bundleProgram(entry: string): Promise<{ path: string; remove: () => void }> {
  const { build } = await import('vite');
  const artifacts = join(ROOT, '.artifacts');
  mkdirSync(artifacts, { recursive: true });
  // Inside the project, so that the packages are found.
  const directory = mkdtempSync(join(artifacts, 'program-'));
  await build({
    configFile: false,
    logLevel: 'error',
    root: ROOT,
    build: {
      ssr: join(ROOT, entry),
      outDir: directory,
      emptyOutDir: false,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'program.mjs' } },
    },
  });
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  return { path: join(directory, 'program.mjs'), remove };
}
