/** Words of one query; more are left out. */
const WORDS_LIMIT = 20;

/** Letters, digits and what FTS5's `unicode61` joins to them; everything else separates. */
const TOKEN = /[\p{L}\p{N}\p{Co}\p{M}]+/gu;

const NOT_ASCII = /[^\0-\x7f]/;

/** Words of a query, by blanks, in lower case. Ones without a letter or a digit are left out: they are not indexed. */
export function wordsOf(query: string): readonly string[] {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word.match(TOKEN) !== null);
  return [...new Set(words)].slice(0, WORDS_LIMIT);
}

/**
 * The FTS5 expression for rows in which every word of the query occurs. Each is quoted, so that nothing in it is
 * syntax; one like `nginx.conf` is a phrase of its parts.
 */
export function matchExpression(
  words: readonly string[],
  filter: { readonly operator?: string; readonly host?: string } = {},
): string {
  // Beginnings of words are not looked for: one that thousands of words share takes FTS5 minutes.
  // A quote would end the string, and a NUL the whole expression.
  const terms = words.map((word) => `"${word.replaceAll(/["\0]/g, ' ')}"`);
  const tags = tagTokens(filter).map((tag) => `about : "${tag}"`);
  return [...tags, ...terms].join(' AND ');
}

/** Operator and host, each as one token that nothing else equals, to filter by. */
export function tagTokens(of: { readonly operator?: string; readonly host?: string }): readonly string[] {
  const tag = (kind: string, value: string): string => `${kind}${Buffer.from(value).toString('hex')}zz`;
  return [
    ...(of.operator === undefined ? [] : [tag('operatorx', of.operator)]),
    ...(of.host === undefined ? [] : [tag('hostx', of.host)]),
  ];
}

/** Counts how many of the words a line has. */
export function wordCounter(words: readonly string[]): (line: string) => number {
  const wanted = words.map((word) => tokensOf(plainOf(word)));
  return (line) => {
    const plain = plainOf(line);
    return wanted.filter((tokens) => tokens.every((token) => plain.includes(token))).length;
  };
}

function tokensOf(text: string): readonly string[] {
  return text.match(TOKEN) ?? [];
}

/** In lower case and without diacritics, of which most lines have none. */
function plainOf(text: string): string {
  const lower = text.toLowerCase();
  return NOT_ASCII.test(lower) ? lower.normalize('NFD').replaceAll(/\p{M}/gu, '') : lower;
}
