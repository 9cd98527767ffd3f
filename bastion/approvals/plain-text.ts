/** Longest reason and message that are kept. */
export const TEXT_LIMIT_CHARACTERS = 500;

/** Text of a person for people: no control characters, bounded; undefined when nothing is left. */
export function plainText(text: string | undefined): string | undefined {
  const plain = text
    ?.replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, TEXT_LIMIT_CHARACTERS);
  return plain === '' ? undefined : plain;
}
