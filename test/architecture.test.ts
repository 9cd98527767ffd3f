import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const sourceFolders = ['shared', 'recordings', 'proxy', 'bastion', 'agent', 'operator', 'cli'] as const;
const longestFileLines = 400;

/** Which of our own folders a folder may import from, besides itself. */
const mayImport: Readonly<Record<(typeof sourceFolders)[number], readonly string[]>> = {
  shared: [],
  recordings: ['shared'],
  proxy: ['shared'],
  bastion: ['shared', 'recordings'],
  agent: ['shared'],
  operator: ['shared'],
  cli: ['shared', 'recordings', 'proxy', 'bastion', 'agent', 'operator'],
};

/** Packages that live in one place only. `folder` is matched against a file's path from the root. */
const homes: readonly { readonly banned: RegExp; readonly outside: RegExp; readonly why: string }[] = [
  {
    banned: /^(fastify|fastify-type-provider-zod|@fastify\/)/,
    outside: /^(bastion|proxy)\/web\//,
    why: 'HTTP stays at the edge: what decides must be callable without a server',
  },
  { banned: /^jose$/, outside: /^shared\/identity\//, why: 'one place decides which signatures count' },
  {
    banned: /^openid-client$/,
    outside: /^operator\//,
    why: "only the operator's own machine signs in at an identity provider; the roles check what it said",
  },
  {
    banned: /^otplib$/,
    outside: /^(proxy\/accounts|bastion\/admins|cli\/demo|operator)\//,
    why: 'one-time codes are made and checked in few places, so that each is spent once',
  },
  {
    banned: /^sqlite3$/,
    outside: /^shared\/store\/database\.ts$/,
    why: 'one place knows how evidence is made durable',
  },
  {
    banned: /^tar-stream$/,
    outside: /^shared\/archive\//,
    why: 'one place guards against what an archive can hold',
  },
  { banned: /^ssh2/, outside: /^(shared|proxy|bastion|agent)\/ssh\//, why: "ssh2's traps are handled once" },
  {
    banned: /^ws$/,
    outside: /^(shared\/tunnel|proxy\/web|operator)\//,
    why: 'a tunnel is more than a WebSocket',
  },
  {
    banned: /^prom-client$/,
    outside: /^(shared\/metrics|agent\/metrics|bastion\/web|proxy\/web)\//,
    why: 'what decides does not count itself',
  },
  { banned: /^@lydell\/node-pty$/, outside: /^agent\//, why: 'only the host starts processes for others' },
  { banned: /^luxon$/, outside: /^bastion\/policy\//, why: 'one place knows when clocks are set' },
  {
    banned: /^hpagent$|^proxy-from-env$/,
    outside: /^shared\/egress\//,
    why: 'one place decides the way out',
  },
  {
    banned: /^@simplewebauthn\/server$/,
    outside:
      /^(proxy\/(accounts\/(security-keys|browser-sign-in)|web\/sign-in-routes)|bastion\/(admins\/(security-keys|admin-accounts)|web\/routes\/(security-keys|sign-in)))\.ts$/,
    why: 'one place of each role decides which answers of a security key count',
  },
  {
    banned: /^@simplewebauthn\/browser$/,
    outside: /^(proxy|bastion)\/page\//,
    why: 'browser code stays in the page',
  },
  { banned: /^uqr$/, outside: /^(cli|(proxy|bastion)\/page)\//, why: 'codes are drawn where they are shown' },
  {
    banned: /^asciinema-player$|^preact/,
    outside: /^bastion\/page\//,
    why: 'browser code stays in the page',
  },
];

interface Import {
  readonly from: string;
  readonly specifier: string;
}

function filesUnder(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern =
    /(?:^|\s)(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]|createRequire[^\n]*\n?[^\n]*require\(['"]([^'"]+)['"]\)/g;
  return [...text.matchAll(pattern)].map((match) => ({
    from: file,
    specifier: match[1] ?? match[2] ?? match[3] ?? match[4] ?? '',
  }));
}

const files = sourceFolders.flatMap(filesUnder);
const imports = files.flatMap(importsOf);

function folderOfRelative(found: Import): string {
  return relative(root, resolve(root, dirname(found.from), found.specifier)).split('/')[0] ?? '';
}

/** Every way round from a file back to itself, along what is imported, types included; the benchmarks' files as well. */
function circles(): readonly string[] {
  const benchFiles = filesUnder('bench');
  const ways = new Map([...files, ...benchFiles].map((file) => [file, [] as string[]]));
  for (const { from, specifier } of [...imports, ...benchFiles.flatMap(importsOf)]) {
    if (specifier.startsWith('.'))
      ways.get(from)?.push(relative(root, resolve(root, dirname(from), specifier)));
  }
  const done = new Set<string>();
  const found: string[] = [];
  const follow = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    for (const next of ways.get(file) ?? []) follow(next, [...path, file]);
    done.add(file);
  };
  for (const file of ways.keys()) follow(file, []);
  return found;
}

describe('the architecture', () => {
  it('finds the code that it checks', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(imports.length).toBeGreaterThan(50);
  });

  it('lets a folder import only from the folders below it', () => {
    const faults = imports
      .filter((found) => found.specifier.startsWith('.'))
      .filter((found) => {
        const own = found.from.split('/')[0] as (typeof sourceFolders)[number];
        const target = folderOfRelative(found);
        return target !== own && !mayImport[own].includes(target);
      })
      .map((found) => `${found.from} imports ${found.specifier}`);
    expect(faults).toEqual([]);
  });

  it('has no files that import each other in a circle', () => {
    expect(circles()).toEqual([]);
  });

  it.each(homes)('keeps $banned in its home', ({ banned, outside, why }) => {
    const faults = imports
      .filter((found) => banned.test(found.specifier) && !outside.test(found.from))
      .map((found) => `${found.from} imports ${found.specifier}, but ${why}`);
    expect(faults).toEqual([]);
  });

  it('keeps the recording and policy code free of the network', () => {
    const faults = imports
      .filter((found) => /^(recordings|bastion\/policy)\//.test(found.from))
      .filter((found) => /^node:(net|tls|http|https|dgram)$/.test(found.specifier))
      .map((found) => `${found.from} imports ${found.specifier}`);
    expect(faults).toEqual([]);
  });

  it('has no import of the page from outside the page, nor of Node inside it', () => {
    const faults = imports
      .filter((found) => {
        const inside = /^(bastion|proxy)\/page\//.test(found.from);
        if (inside) return found.specifier.startsWith('node:') && !found.from.endsWith('vite.config.ts');
        return (
          found.specifier.startsWith('.') &&
          /\/(bastion|proxy)\/page\//.test(resolve(root, dirname(found.from), found.specifier))
        );
      })
      .map((found) => `${found.from} imports ${found.specifier}`);
    expect(faults).toEqual([]);
  });

  it('has no file that nobody can read in one sitting, and no drawer for everything', () => {
    const long = files
      .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > longestFileLines)
      .map(({ file, lines }) => `${file}: ${lines} lines`);
    expect(long).toEqual([]);
    expect(
      files.filter((file) => /(^|\/)(utils?|helpers?|managers?|misc|common)(\/|\.tsx?$)/.test(file)),
    ).toEqual([]);
  });

  it('makes signing keys in ways that Node.js 20 survives: as text or bytes, never as objects', () => {
    const faults = files.filter((file) => {
      const calls = readFileSync(join(root, file), 'utf8').matchAll(
        /generateKeyPairSync\('(?!x25519')[^']*'(?<rest>[^;]*);/g,
      );
      return [...calls].some((call) => !call.groups?.['rest']?.includes('privateKeyEncoding'));
    });
    // See shared/fresh-key.ts.
    expect(faults).toEqual([]);
  });
});
