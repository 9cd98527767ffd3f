// Writes THIRD-PARTY.md: every package that an installation brings along, with its licence. With --check it only says
// whether the file is as it would be written.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'THIRD-PARTY.md');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

const packages = Object.entries(lock.packages)
  .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true)
  .map(([path, entry]) => ({
    name: entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version: entry.version,
    licence: entry.license ?? licenceOf(join(root, path)),
    optional: entry.optional === true,
  }))
  .sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));

/** Old packages name their licence in ways that npm doesn't take over into the lock file. */
function licenceOf(folder) {
  if (!existsSync(folder)) return 'not stated';
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const named = manifest.license ?? manifest.licenses;
  if (typeof named === 'string') return named;
  if (Array.isArray(named)) return named.map((one) => one.type).join(' or ');
  if (typeof named === 'object' && named !== null) return named.type;
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined ? 'not stated' : `see its ${file}`;
}

const unique = packages.filter(
  (one, at) => at === 0 || one.name !== packages[at - 1].name || one.version !== packages[at - 1].version,
);
const lines = [
  '# Third-party packages',
  '',
  'What an installation of Drawbridge brings along, as `package-lock.json` pins it. Each package holds the text of its',
  'licence. Made by `node tools/third-party.mjs`.',
  '',
  '| package | version | licence |',
  '| --- | --- | --- |',
  ...unique.map(
    (one) => `| ${one.name} | ${one.version} | ${one.licence}${one.optional ? ' (optional)' : ''} |`,
  ),
  '',
];
const text = lines.join('\n');
if (process.argv.includes('--check')) {
  if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
    process.stderr.write('THIRD-PARTY.md is out of date: run `node tools/third-party.mjs`.\n');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
