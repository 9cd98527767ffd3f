import { createRequire } from 'node:module';

/** package.json is two folders up from `dist/cli` and one up from `cli`. */
function readVersion(): string {
  const require = createRequire(import.meta.url);
  for (const place of ['../../package.json', '../package.json']) {
    try {
      const manifest: unknown = require(place);
      if (typeof manifest !== 'object' || manifest === null) continue;
      if (!('name' in manifest) || manifest.name !== 'drawbridge') continue;
      if ('version' in manifest && typeof manifest.version === 'string') return manifest.version;
    } catch {
      // Not there: the other place is tried.
    }
  }
  return 'unknown';
}

/** Version of this build, as package.json says. */
export const VERSION = readVersion();
