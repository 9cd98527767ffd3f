import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { AUDIT_EVENT_TYPES } from '../../shared/audit/event.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['shared', 'recordings', 'proxy', 'bastion', 'agent', 'operator', 'cli'];

/** Dotted names in the code that are no codes: files, requests on the control socket, names in other formats. */
const OTHER_NAMES: readonly RegExp[] = [
  // The beginning of a family.
  /_$/,
  /^cgroup\./,
  /\.(json|ts|js|mjs|db|yaml|pem|key|crt|sock|html|css|pub|gz|conf|log|new|com|example|acme|wss|service|wants|d)$/,
  /^admin\.setup_link$/,
  /^(approvals|hosts|operators|recordings|sessions)\./,
  /^(policy|access|token)\.(show|check|apply|explain|history|diff|undo|set|create)$/,
  /^(audit|bastion|config|device|log)\.(ls|query|events|checkpoint|checkpoints|list|token|revoke|reset-witness|approve|level|reload)$/,
  /^user\.(add|list|enable|disable|groups|key|recovery-codes|reset-mfa|authenticator|security-key)/,
  /^(drawbridge|service|event|platform|log\.record)\./,
  /^(https\.host|https\.port|metrics\.listen|tls\.ca|tls\.acme\.\w+|process\.env|process\.stdout|realm_access\.roles|navigator\.credentials)$/,
];

interface Found {
  readonly name: string;
  readonly file: string;
}

/** The code of every folder, without its longer comments. */
function codeFiles(): readonly { readonly file: string; readonly code: string }[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }),
  )
    .filter(
      (entry) =>
        entry.isFile() &&
        entry.name.endsWith('.ts') &&
        !/\/page(\/|$)/.test(relative(root, entry.parentPath)),
    )
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return {
        file: relative(root, path),
        code: readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, ''),
      };
    });
}

/** Every dotted name that stands alone between quotes. */
function dottedNames(): readonly Found[] {
  return codeFiles().flatMap(({ file, code }) =>
    [...code.matchAll(/(?<=['"`])[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+(?=['"`])/g)].map(([name]) => ({
      name,
      file,
    })),
  );
}

/** Codes that are put together: `pass.` and one of the words of a type. */
const COMPUTED = [
  { prefix: 'pass.', file: 'shared/identity/refusal.ts', type: 'RefusalReason' },
  { prefix: 'id_token.', file: 'shared/identity/provider/refusal.ts', type: 'IdTokenFault' },
] as const;

function computedCodes(): readonly Found[] {
  return COMPUTED.flatMap(({ prefix, file, type }) => {
    const code = readFileSync(join(root, file), 'utf8');
    const words =
      new RegExp(`export type ${type} =([^;]*);`).exec(code)?.[1]?.match(/(?<=')[a-z_]+(?=')/g) ?? [];
    return words.map((word) => ({ name: prefix + word, file }));
  });
}

const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');
const sections = [...page.matchAll(/^### (\S+)\n(.*)$/gm)].map(([, code = '', text = '']) => ({
  code,
  text,
}));
const explained = new Set(sections.map(({ code }) => code));
const events = new Set<string>(AUDIT_EVENT_TYPES);
const names = [...dottedNames(), ...computedCodes()];

describe('docs/troubleshooting.md', () => {
  it('finds the codes that it looks for', () => {
    expect(new Set(names.map(({ name }) => name)).size).toBeGreaterThan(400);
    expect(sections.length).toBeGreaterThan(250);
    expect(computedCodes().length).toBeGreaterThan(25);
    // `policy.valid` and `policy.window` stand in a list as well; `approval.` begins the name of a webhook's message.
    const others = ['approval.', 'policy.'];
    const templates = codeFiles().flatMap(({ code }) => code.match(/`[a-z_]+\.(?=\$\{)/g) ?? []);
    expect(templates.map((text) => text.slice(1)).sort()).toEqual(
      [...others, ...COMPUTED.map(({ prefix }) => prefix)].sort(),
    );
  });

  it('has a section for every error code in the code', () => {
    const missing = names
      .filter(({ name }) => !explained.has(name) && !events.has(name))
      .filter(({ name }) => !OTHER_NAMES.some((pattern) => pattern.test(name)))
      .map(({ name, file }) => `${name} in ${file}`);
    expect([...new Set(missing)]).toEqual([]);
  });

  it('explains no code that there is not', () => {
    const known = new Set(names.map(({ name }) => name));
    expect(sections.map(({ code }) => code).filter((code) => !known.has(code))).toEqual([]);
  });

  it('explains each code once, with more than its name', () => {
    expect(sections.length).toBe(explained.size);
    expect(sections.filter(({ text }) => text.length < 15)).toEqual([]);
  });
});
