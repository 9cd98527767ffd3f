import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  // Each file finds the next beside it, wherever a reverse proxy has put them; the bastion mends index.html itself.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../../dist/page'),
    emptyOutDir: true,
    target: 'es2022',
    // The page's Content-Security-Policy allows neither data: addresses nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `npx vite --config bastion/page/vite.config.ts` shows changes at once, against a bastion that runs here.
  server: {
    proxy: { '/api': { target: process.env['DRAWBRIDGE_URL'] ?? 'https://127.0.0.1:8443', secure: false } },
  },
});
