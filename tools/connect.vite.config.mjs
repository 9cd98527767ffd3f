import { defineConfig } from 'vite';

/**
 * `cli/connect.ts` with all that it needs in one file, in the place of what tsc made of it: reading some 150 small files
 * took ssh's ProxyCommand longer than everything else.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  publicDir: false,
  ssr: { noExternal: true, external: ['bufferutil', 'utf-8-validate'] },
  build: {
    ssr: 'cli/connect.ts',
    outDir: 'dist/cli',
    emptyOutDir: false,
    target: 'node20',
    minify: false,
    rolldownOptions: { output: { entryFileNames: 'connect.js' } },
  },
});
