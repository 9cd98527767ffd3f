// Makes a Debian package of what `npm pack` would pack, with the packages that it needs at run time: the roles are one
// program, and `drawbridge … --install` makes services of them. Usage: node tools/deb.mjs [FOLDER FOR THE PACKAGE] [--uncompressed]
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const home = 'usr/lib/drawbridge';
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...options });
  if (result.status === 0) return result.stdout;
  process.stderr.write(`${program} ${args[0]} failed: ${result.stderr ?? result.error}\n`);
  process.exit(1);
}

/** What is for those who build or read the packages; what was built stays, and so do the licences. */
const leftOut = [
  /\/sqlite3\/(deps|src)(\/|$)/,
  /\/build\/Release\/(obj|\.deps)/,
  /\.(d\.[cm]?ts|[cm]?ts|map|tsbuildinfo|flow)$/,
  /\/node_modules\/(@[^/]+\/)?[^/]+\/(tests?|__tests__|benchmarks?|examples?|docs|\.github)$/,
];

function copyProgram(staging) {
  const [packed] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root }));
  for (const { path } of packed.files) cpSync(join(root, path), join(staging, home, path));
}

function copyPackages(staging) {
  const listed = run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root });
  const folders = new Set(
    listed
      .split('\n')
      .filter((line) => line.includes(`${sep}node_modules${sep}`))
      .map((line) => relative(root, line)),
  );
  for (const folder of folders) {
    cpSync(join(root, folder), join(staging, home, folder), {
      recursive: true,
      // A package within a package is copied when it is listed itself.
      filter: (path) => {
        const inside = relative(join(root, folder), path);
        return !inside.split(sep).includes('node_modules') && !leftOut.some((pattern) => pattern.test(path));
      },
    });
  }
}

function writeControl(staging, architecture) {
  const control = `Package: drawbridge
Version: ${manifest.version}
Architecture: ${architecture}
Maintainer: The Drawbridge authors <drawbridge@localhost>
Section: net
Priority: optional
Depends: nodejs (>= ${manifest.engines.node.replace('>=', '')})
Recommends: openssh-client
Description: ${manifest.description.replace(/\.$/, '')}
 Proxy, bastion, agent and the command of operators and administrators in one
 program. \`drawbridge … init|join --install\` makes a service of a role.
`;
  mkdirSync(join(staging, 'DEBIAN'), { recursive: true });
  writeFileSync(join(staging, 'DEBIAN', 'control'), control);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(join(root, 'deploy', 'debian', script), join(staging, 'DEBIAN', script));
    chmodSync(join(staging, 'DEBIAN', script), 0o755);
  }
}

/** dpkg's rules want manual pages compressed; without the time, so that the same sources make the same package. */
function writeManPages(staging) {
  const pages = join(staging, 'usr/share/man/man1');
  mkdirSync(pages, { recursive: true });
  for (const name of readdirSync(join(root, 'docs/man'))) {
    const page = gzipSync(readFileSync(join(root, 'docs/man', name)), { level: 9 });
    writeFileSync(join(pages, `${name}.gz`), page);
  }
  rmSync(join(staging, home, 'docs'), { recursive: true, force: true });
}

function writePapers(staging) {
  const papers = join(staging, 'usr/share/doc/drawbridge');
  mkdirSync(papers, { recursive: true });
  cpSync(join(root, 'LICENSE'), join(papers, 'copyright'));
  cpSync(join(root, 'THIRD-PARTY.md'), join(papers, 'THIRD-PARTY.md'));
}

const quick = process.argv.includes('--uncompressed');
const outFolder = resolve(process.argv.slice(2).find((argument) => !argument.startsWith('-')) ?? root);
const staging = mkdtempSync(join(tmpdir(), 'drawbridge-deb-'));
try {
  chmodSync(staging, 0o755);
  const architecture = run('dpkg', ['--print-architecture']).trim();
  copyProgram(staging);
  copyPackages(staging);
  chmodSync(join(staging, home, 'dist/cli/main.js'), 0o755);
  const command = join(staging, 'usr/bin/drawbridge');
  mkdirSync(dirname(command), { recursive: true });
  symlinkSync('../lib/drawbridge/dist/cli/main.js', command);
  writePapers(staging);
  writeManPages(staging);
  writeControl(staging, architecture);
  run('chmod', ['-R', 'u+rwX,go+rX,go-w', staging]);
  const target = join(outFolder, `drawbridge_${manifest.version}_${architecture}.deb`);
  run('dpkg-deb', [
    '--root-owner-group',
    ...(quick ? ['-Znone'] : ['-Zxz', '-z6']),
    '--build',
    staging,
    target,
  ]);
  process.stdout.write(`${target}\n`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}
