import { createRequire } from 'node:module';

/** Version of this build, as package.json says; it is one folder up in the sources and two up in `dist`. */
export function readVersion(): string {
  const require = createRequire(import.meta.url);
  for (const place of ['../package.json', '../../package.json']) {
    const version = versionIn(require, place);
    if (version !== undefined) return version;
  }
  return 'unknown';
}

function versionIn(require: NodeJS.Require, place: string): string | undefined {
  try {
    const manifest: unknown = require(place);
    if (typeof manifest !== 'object' || manifest === null) return undefined;
    if (!('name' in manifest) || manifest.name !== 'drawbridge') return undefined;
    return 'version' in manifest && typeof manifest.version === 'string' ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}
