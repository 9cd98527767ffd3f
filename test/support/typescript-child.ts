import { join } from 'node:path';
import { build } from 'vite';

/**
 * Makes a script that Node.js runs, with our modules in it, from the TypeScript file `entry`: for tests whose child
 * process must be killed or limited. Gives back its path in `folder`.
 */
export async function buildChildScript(entry: string, folder: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'error',
    // The script lies where no packages are: what it needs of them goes into it.
    ssr: { noExternal: ['@scure/base'] },
    build: {
      ssr: entry,
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'child.mjs' } },
    },
  });
  return join(folder, 'child.mjs');
}
