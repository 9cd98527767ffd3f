const SENTENCE_LIMIT = 400;

/**
 * Text of a stranger or a peer as it may be shown in somebody's terminal or page: one line, no control or formatting
 * characters, cut to `limit` characters.
 */
export function plainText(text: string, limit: number = SENTENCE_LIMIT): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1).trimEnd()}…`;
}

/** The same of what a person may have said; undefined when nothing is left of it. */
export function saidText(text: string | undefined, limit: number): string | undefined {
  const plain = text === undefined ? '' : plainText(text, limit);
  return plain === '' ? undefined : plain;
}
