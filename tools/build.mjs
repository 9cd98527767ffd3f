// Builds dist/: the roles and the command with tsc, the page with vite. With --if-stale it only does what is older
// than its sources, so that `npm run demo` and `npm test` can call it every time.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const onlyIfStale = process.argv.includes('--if-stale');

const parts = [
  {
    name: 'roles and command',
    sources: [
      'shared',
      'recordings',
      'proxy',
      'bastion',
      'agent',
      'operator',
      'cli',
      'bench',
      'tsconfig.json',
      'tsconfig.build.json',
      'package-lock.json',
    ],
    leaveOut: [join(root, 'bastion', 'page'), join(root, 'proxy', 'page')],
    result: 'dist/cli/main.js',
    stamp: 'dist/.tsbuildinfo',
    command: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  },
  {
    name: 'connect',
    // It takes the place of a file that tsc made.
    follows: 'roles and command',
    sources: ['tools/connect.vite.config.mjs'],
    result: 'dist/cli/connect.js',
    stamp: 'dist/cli/connect.js',
    command: [
      'node_modules/vite/bin/vite.js',
      'build',
      '--config',
      'tools/connect.vite.config.mjs',
      '--logLevel',
      'warn',
    ],
  },
  {
    name: 'page',
    sources: ['bastion/page', 'bastion/web/api.ts', 'bastion/web/api', 'package-lock.json'],
    result: 'dist/page/index.html',
    stamp: 'dist/page/index.html',
    command: [
      'node_modules/vite/bin/vite.js',
      'build',
      '--config',
      'bastion/page/vite.config.ts',
      '--logLevel',
      'warn',
    ],
  },
  {
    name: 'sign-in page',
    sources: ['proxy/page', 'package-lock.json'],
    result: 'dist/sign-in-page/index.html',
    stamp: 'dist/sign-in-page/index.html',
    command: [
      'node_modules/vite/bin/vite.js',
      'build',
      '--config',
      'proxy/page/vite.config.ts',
      '--logLevel',
      'warn',
    ],
  },
];

function newestMs(path, leaveOut = []) {
  if (leaveOut.includes(path)) return 0;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce(
    (newest, entry) => Math.max(newest, newestMs(join(path, entry), leaveOut)),
    stat.mtimeMs,
  );
}

function isStale(part) {
  const builtMs = statSync(join(root, part.stamp), { throwIfNoEntry: false })?.mtimeMs;
  if (builtMs === undefined || statSync(join(root, part.result), { throwIfNoEntry: false }) === undefined)
    return true;
  return part.sources.some((source) => newestMs(join(root, source), part.leaveOut) > builtMs);
}

if (!onlyIfStale) rmSync(join(root, 'dist'), { recursive: true, force: true });
const built = new Set();
for (const part of parts) {
  if (onlyIfStale && !built.has(part.follows) && !isStale(part)) continue;
  built.add(part.name);
  process.stderr.write(`building ${part.name} …\n`);
  rmSync(join(root, part.stamp), { force: true });
  const [script, ...args] = part.command;
  const result = spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
