import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Without code, in which brackets mean something else. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8')
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/(?<!\[)`[^`\n]*`(?!\])/g, '');
}

/** Anchors as forges make them: small letters, spaces to hyphens, no punctuation; a second one of a name gets -1. */
function anchorsOf(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  return new Set(
    [...text.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) => {
      const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
      const anchor = plain
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-');
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${before}`;
    }),
  );
}

function faultOf(page: string, link: string): string | undefined {
  if (/^(https?|mailto):/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, page) : resolve(root, dirname(page), path);
  if (!existsSync(target)) return `${page}: there is no ${link}`;
  if (anchor === undefined || !target.endsWith('.md')) return undefined;
  return anchorsOf(relative(root, target)).has(anchor)
    ? undefined
    : `${page}: ${path} has no heading #${anchor}`;
}

const links = pages.flatMap((page) =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ page, link })),
);

describe('the documents', () => {
  it('lead only to what is there', () => {
    expect(links.length).toBeGreaterThan(150);
    expect(links.flatMap(({ page, link }) => faultOf(page, link) ?? [])).toEqual([]);
  });

  it('are all reached from docs/README.md, decisions by their folder', () => {
    const reached = new Set<string>();
    const follow = (page: string): void => {
      if (reached.has(page)) return;
      reached.add(page);
      for (const { link } of links.filter((one) => one.page === page)) {
        if (/^(https?|mailto):/.test(link) || !link.split('#')[0]?.endsWith('.md')) continue;
        follow(relative(root, resolve(root, dirname(page), link.split('#')[0] ?? '')));
      }
    };
    follow(join('docs', 'README.md'));
    const docs = pages.filter((page) => page.startsWith('docs/') && !page.startsWith('docs/decisions/'));
    expect(docs.filter((page) => !reached.has(page))).toEqual([]);
  });
});
