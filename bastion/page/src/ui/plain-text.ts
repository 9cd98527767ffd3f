/** Control characters other than tab and line end, and those that hide text or turn its direction. */
const DECEIVING = /[^\P{Cc}\t\n]|[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/**
 * `text` with every character that would hide or reorder what stands beside it written out, as `\u202e`. Names, commands
 * and paths come from operators and hosts: `moc.evil` must not be able to look like `live.com`.
 */
export function plainText(text: string): string {
  return text.replace(DECEIVING, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
