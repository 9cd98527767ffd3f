const SENTENCE_LIMIT = 400;

/**
 * A peer's text as it may be shown in somebody's terminal: one line, no control or formatting characters, cut to
 * 400 characters.
 */
export function plainText(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length <= SENTENCE_LIMIT ? line : `${line.slice(0, SENTENCE_LIMIT - 1)}…`;
}
